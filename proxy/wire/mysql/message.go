package mysql

import (
	"bytes"

	"github.com/lodoor/lodoor/proxy/wire/sql"
)

// messageMax is how long a server's messages are, at most (MYSQL_ERRMSG_SIZE); a longer one, or one of that length, may
// lack its end.
const messageMax = 512

// withoutQuoted is a server's message without what it quotes. MySQL does not escape that, so that everything from the
// first quote to the last may be of the statement; of a message that may lack its end it is everything behind the first.
func withoutQuoted(message []byte) []byte {
	if len(message) < messageMax-16 {
		return sql.WithoutQuoted(message)
	}
	kept := message[:max(0, bytes.IndexAny(message, "'\"`"))]
	return append(sql.WithoutQuoted(kept), '?')
}
