package replay

import (
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// pgShowMax is how much of an answer is told.
const pgShowMax = 300

// Types by their OIDs, which are the same everywhere (pg_type.dat of the server's source).
const (
	oidBool        = 16
	oidInt8        = 20
	oidInt2        = 21
	oidInt4        = 23
	oidOID         = 26
	oidTimestamp   = 1114
	oidTimestampTZ = 1184
)

// pgWhat names what two messages differ in.
func pgWhat(x, y pgItem) string {
	if x.kind != y.kind {
		return "the answer"
	}
	switch x.kind {
	case 'T', 'n':
		return "the columns"
	case 't':
		return "the types of parameters"
	case 'E':
		return "the error"
	case 'C':
		return "the command tag"
	case 'Z':
		return "the state of the transaction"
	case 'd':
		return "what is copied"
	case 'V':
		return "the function's result"
	}
	return "the answer"
}

// show is what an answer begins with.
func (a *pgAnswer) show() string {
	if a.passed {
		return "nothing: it was passed over, since something before it had failed"
	}
	return a.item(0).show()
}

// show is a message for a person.
func (i pgItem) show() string {
	switch i.kind {
	case 0:
		return "nothing more"
	case 'T':
		return pgShowColumns(readPgColumns(i.body))
	case 't':
		return fmt.Sprintf("types %v", pgParameters(i.body))
	case 'D':
		return i.showRow()
	case 'E':
		return pgShowError(i.body)
	case 'C':
		r := pgReader{b: i.body}
		return cutText(r.text(), pgShowMax)
	case 'Z':
		return pgState(i.body)
	case 'd':
		return strconv.Quote(cutText(string(i.body), pgShowMax))
	case 'V':
		return hex.EncodeToString(i.body[:min(len(i.body), pgShowMax/2)])
	}
	return pgKind(i.kind)
}

func pgKind(kind byte) string {
	switch kind {
	case '1':
		return "the statement was prepared"
	case '2':
		return "the values were bound"
	case '3':
		return "it was closed"
	case 'I':
		return "an empty statement"
	case 'n':
		return "no rows come"
	case 's':
		return "there are more rows"
	case 'G':
		return "data is awaited"
	case 'H':
		return "data is copied"
	case 'c':
		return "all was copied"
	}
	return fmt.Sprintf("a message of type %q", kind)
}

func pgState(body []byte) string {
	switch string(body) {
	case "I":
		return "idle"
	case "T":
		return "in a transaction"
	case "E":
		return "in a transaction that has failed"
	}
	return fmt.Sprintf("%q", body)
}

func pgShowColumns(c *pgColumns) string {
	var s strings.Builder
	for i, name := range c.names {
		if i > 0 {
			s.WriteString(", ")
		}
		fmt.Fprintf(&s, "%s (type %d)", name, c.types[i])
		if s.Len() > pgShowMax {
			break
		}
	}
	return cutText(s.String(), pgShowMax)
}

func (i pgItem) showRow() string {
	var s strings.Builder
	for n, v := range readPgRow(i.body) {
		if n > 0 {
			s.WriteString(" | ")
		}
		s.WriteString(pgShowValue(v, i.columns, n))
		if s.Len() > pgShowMax {
			break
		}
	}
	return cutText(s.String(), pgShowMax)
}

func pgShowValue(v []byte, c *pgColumns, i int) string {
	if v == nil {
		return "NULL"
	}
	oid, format := c.column(i)
	if format == 1 {
		if n, ok := pgInteger(v, oid); ok {
			return strconv.FormatInt(n, 10)
		}
		if oid == oidTimestamp || oid == oidTimestampTZ {
			if t, ok := pgTime(v, oid, format, "UTC"); ok {
				return t.Format("2006-01-02 15:04:05.999999")
			}
		}
	}
	v = v[:min(len(v), pgShowMax)]
	if !utf8.Valid(v) || strings.IndexByte(string(v), 0) >= 0 {
		return `\x` + hex.EncodeToString(v)
	}
	return string(v)
}

// pgInteger reads a whole number in binary format, sent big-endian.
func pgInteger(v []byte, oid uint32) (int64, bool) {
	switch {
	case oid == oidBool && len(v) == 1:
		return int64(v[0]), true
	case oid == oidInt2 && len(v) == 2:
		return int64(int16(binary.BigEndian.Uint16(v))), true
	case (oid == oidInt4 || pgIsOID(oid)) && len(v) == 4:
		return int64(int32(binary.BigEndian.Uint32(v))), true
	case oid == oidInt8 && len(v) == 8:
		return int64(binary.BigEndian.Uint64(v)), true
	}
	return 0, false
}

// pgError is the SQLSTATE and the text of an error, whose fields are parted by zero bytes.
func pgError(body []byte) (code, text string) {
	r := pgReader{b: body}
	for {
		switch field := r.byte(); field {
		case 0:
			return code, text
		case 'C':
			code = r.text()
		case 'M':
			text = r.text()
		default:
			r.bytes()
		}
	}
}

func pgShowError(body []byte) string {
	code, text := pgError(body)
	return cutText(fmt.Sprintf("error %s: %s", code, text), pgShowMax)
}
