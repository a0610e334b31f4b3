package wire

import (
	"hash/maphash"
	"sync"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// statements remembers what was read of statements that come again, for all sessions. A text is remembered the second
// time it comes, so that texts with literals, of which no two are the same, do not push out those that are.
type statements struct {
	detail sql.Detail
	seed   maphash.Seed
	shards [statementShards]statementShard
}

const (
	statementShards = 16
	statementsMax   = 256     // of a shard and generation
	statementMax    = 2 << 10 // bytes of a text that is remembered
	statementSeen   = 1 << 10
)

// statementShard has two generations: when the younger one is full the older one goes.
type statementShard struct {
	mu           sync.Mutex
	young, older map[string]sql.Statement
	seen         [statementSeen]uint32 // parts of hashes
}

func newStatements(s flow.Statements) *statements {
	return &statements{detail: sql.Detail(s), seed: maphash.MakeSeed()}
}

// read says what a statement is; it may be called on any goroutine. A dialect's statements are in shards of their own,
// since the same text may mean something else in another.
func (s *statements) read(raw []byte, d sql.Dialect) sql.Statement {
	if len(raw) > statementMax {
		return sql.Analyse(raw, d, s.detail, flow.OperationTextMax)
	}
	h := maphash.Bytes(s.seed, raw) + uint64(d)
	shard := &s.shards[h%statementShards]
	known, again, ok := shard.find(raw, h)
	if ok {
		return known
	}
	read := sql.Analyse(raw, d, s.detail, flow.OperationTextMax)
	if again {
		shard.keep(raw, read)
	}
	return read
}

// find answers what is known of a text, and whether one with its hash came before.
func (s *statementShard) find(raw []byte, h uint64) (known sql.Statement, again, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known, ok = s.young[string(raw)]; ok {
		return known, true, true
	}
	if known, ok = s.older[string(raw)]; ok {
		s.put(string(raw), known)
		return known, true, true
	}
	slot, part := &s.seen[h/statementShards%statementSeen], uint32(h>>32)
	again = *slot == part
	*slot = part
	return known, again, false
}

func (s *statementShard) keep(raw []byte, read sql.Statement) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.put(string(raw), read)
}

func (s *statementShard) put(raw string, read sql.Statement) {
	if len(s.young) >= statementsMax || s.young == nil {
		s.young, s.older = make(map[string]sql.Statement), s.young
	}
	s.young[raw] = read
}
