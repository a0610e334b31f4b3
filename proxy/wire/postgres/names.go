package postgres

import (
	"slices"

	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// What is remembered of a session's prepared statements and portals, at most. Beyond it the oldest is forgotten, and
// what is executed of it later has no text.
const (
	namesMax    = 1024
	nameTextMax = 256 << 10 // bytes of all names and texts
)

// nameMax is the longest name of a statement or a portal that is remembered. Names that drivers make are short.
const nameMax = 255

// bound is what a name stands for.
type bound struct {
	stmt  *sql.Statement
	named bool // the statement has a name, so that it was prepared for more than one use
	born  uint64
}

// names are statements or portals by their names. The one without a name stands beside the others.
type names struct {
	unnamed bound
	by      map[string]bound
	births  []birth // the oldest first; those of what was dropped since stand there for a while
	born    uint64
	bytes   int
}

// birth says when a name was given.
type birth struct {
	name string
	born uint64
}

func (n *names) get(name []byte) bound {
	if len(name) == 0 {
		return n.unnamed
	}
	return n.by[string(name)]
}

func (n *names) put(name []byte, b bound) {
	if len(name) == 0 {
		n.unnamed = b
		return
	}
	n.drop(name)
	if len(name) > nameMax {
		return
	}
	if n.by == nil {
		n.by = map[string]bound{}
	}
	n.born++
	b.born = n.born
	key := string(name)
	n.by[key] = b
	n.births = append(n.births, birth{key, b.born})
	n.bytes += weight(key, b)
	for len(n.by) > namesMax || n.bytes > nameTextMax && len(n.by) > 1 {
		n.dropOldest()
	}
	n.tidy()
}

func (n *names) drop(name []byte) {
	if len(name) == 0 {
		n.unnamed = bound{}
		return
	}
	if b, ok := n.by[string(name)]; ok {
		n.bytes -= weight(string(name), b)
		delete(n.by, string(name))
	}
}

func (n *names) dropOldest() {
	for len(n.births) > 0 {
		oldest := n.births[0]
		n.births = n.births[1:]
		if n.given(oldest) {
			n.drop([]byte(oldest.name))
			return
		}
	}
}

// given says whether a name still stands for what it was given to then.
func (n *names) given(b birth) bool { return n.by[b.name].born == b.born }

// tidy forgets the births of what was dropped once most of them are such.
func (n *names) tidy() {
	const few = 64
	if len(n.births) > 2*max(few, len(n.by)) {
		n.births = slices.DeleteFunc(n.births, func(b birth) bool { return !n.given(b) })
	}
}

func weight(name string, b bound) int {
	if b.stmt == nil {
		return len(name)
	}
	return len(name) + len(b.stmt.Text)
}
