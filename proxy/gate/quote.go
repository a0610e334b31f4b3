package gate

import (
	"strconv"
	"strings"
)

// quoteMax is how many bytes of a client are told at most of each thing.
const quoteMax = 120

// leftOut stands for what is not told.
const leftOut = "..."

// quote makes bytes of a client fit for a reason: ASCII alone, escaped, bounded. What may be a secret goes through one of
// the functions below instead.
func quote[T string | []byte](b T) string {
	if len(b) > quoteMax {
		return strconv.QuoteToASCII(string(b[:quoteMax])) + leftOut
	}
	return strconv.QuoteToASCII(string(b))
}

// quoteRequest quotes a request line, or what came instead of one, without what may be a secret: the parameters and the
// user information of an address, and what follows the first word when it is no address, such as the password of an
// inline AUTH.
func quoteRequest[T string | []byte](b T) string {
	text := string(b)
	if i := strings.IndexByte(text, '\n'); i >= 0 {
		text = text[:i+1]
	}
	method, rest, more := strings.Cut(text, " ")
	if !more {
		return quote(text)
	}
	target, version, more := strings.Cut(rest, " ")
	switch {
	case rest == "" || target == "*":
	case strings.HasPrefix(target, "/") || strings.Contains(target, "://"):
		target = address(target)
	case more && strings.HasPrefix(version, "HTTP/"):
		target = userless(target)
	default:
		return quote(method + " " + leftOut)
	}
	if more {
		target += " " + version
	}
	return quote(method + " " + target)
}

// address is that of a request without its parameters and who is to log in.
func address(target string) string {
	if i := strings.IndexAny(target, "?#"); i >= 0 {
		target = target[:i+1] + leftOut
	}
	if strings.HasPrefix(target, "/") {
		return target
	}
	return userless(target)
}

// userless leaves out who is to log in, and with what password, before an @.
func userless(s string) string {
	at := strings.LastIndexByte(s, '@')
	if at < 0 {
		return s
	}
	begin := 0
	if i := strings.Index(s[:at], "://"); i >= 0 {
		begin = i + len("://")
	}
	return s[:begin] + leftOut + s[at:]
}

// quoteField quotes a header line, or what came instead of one, without its value.
func quoteField(text []byte) string {
	for i, c := range text {
		if c == ':' || c == ' ' || c == '\t' || c == '=' || c == ';' {
			return quote(string(text[:i+1]) + leftOut)
		}
	}
	return quote(text)
}

// quoteHost quotes a Host or an Origin.
func quoteHost(value string) string { return quote(userless(value)) }
