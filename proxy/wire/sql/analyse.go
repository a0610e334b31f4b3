package sql

import "hash/fnv"

// Detail is how much of a statement Analyse tells. Its numbers are those of flow.Statements.
type Detail uint8

// The details.
const (
	Fingerprint Detail = iota // the text without literals
	Text                      // the text without passwords
	Off                       // no text
)

// Statement is what a statement is.
type Statement struct {
	// Name is its first keyword in upper case, of CREATE, ALTER and DROP with the kind of object; of WITH that of the
	// statement behind it. Empty when there is none.
	Name string
	// Text is as Detail wants it, at most as long as the limit. Cut says that there was more.
	Text string
	Cut  bool
	// Fingerprint is the same for statements that differ in literals, white space, comments, case of words and length of
	// lists only. 0 stands for no statement.
	Fingerprint uint64
	// Secret says that it holds a password.
	Secret bool
}

// Analyse reads a statement, or several with semicolons between them: then Name is the first one's. limit is of Text, in
// bytes. It is for whole texts; of a text that was cut it tells what is there.
func Analyse(raw []byte, d Dialect, detail Detail, limit int) Statement {
	h := fnv.New64a()
	h.Write(raw)
	return Statement{Fingerprint: h.Sum64(), Cut: limit > 0}
}
