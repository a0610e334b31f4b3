// Package sql reads SQL as far as it must be read to tell statements from each other and passwords from the rest: it has
// a lexer of PostgreSQL's and MySQL's tokens, and no grammar. Analyse says what a statement is, with its literals or
// without; Masker overwrites what is secret in a text that comes in pieces; Echoes overwrites what was secret where an
// answer repeats it.
//
// A text may be anything. Nothing here fails: what is not understood counts as a secret where it could be one.
package sql

// Dialect is whose SQL it is.
type Dialect uint8

// The dialects. A backslash in a plain string is an escape in MySQL, and none in PostgreSQL; a session can turn that
// round, and both servers tell their clients (standard_conforming_strings, SERVER_STATUS_NO_BACKSLASH_ESCAPES).
const (
	PostgreSQL Dialect = iota
	MySQL
	PostgreSQLEscapes // standard_conforming_strings = off
	MySQLNoEscapes    // sql_mode NO_BACKSLASH_ESCAPES
)
