package mysql

import "github.com/lodoor/lodoor/proxy/wire/sql"

// What a session's decoder remembers, at most.
const (
	statementsMax    = 1024    // prepared statements
	statementTextMax = 1 << 20 // bytes of their texts together
	waitingTextMax   = 1 << 20 // bytes of the texts of commands without an answer; beyond it they are told without one
)

// remembered are prepared statements by their ids.
type remembered struct {
	by    map[uint32]sql.Statement
	bytes int // of all texts
}

// put remembers a statement, unless there are too many already.
func (r *remembered) put(id uint32, s sql.Statement) {
	r.drop(id)
	if len(r.by) >= statementsMax || r.bytes+len(s.Text) > statementTextMax {
		return
	}
	if r.by == nil {
		r.by = map[uint32]sql.Statement{}
	}
	r.by[id] = s
	r.bytes += len(s.Text)
}

func (r *remembered) drop(id uint32) {
	r.bytes -= len(r.by[id].Text)
	delete(r.by, id)
}
