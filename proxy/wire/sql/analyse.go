package sql

import "unicode/utf8"

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
	a := analysis{shape: shape{limit: limit, hash: fnvOffset, silent: detail != Fingerprint}}
	a.judge.begin(d)
	var out []byte
	switch detail {
	case Fingerprint:
		a.shape.out = make([]byte, 0, min(len(raw), limit))
	case Text:
		out = make([]byte, 0, min(len(raw), limit))
	}
	begin, hidden, secret := 0, false, false
	for i := 0; i < len(raw); i++ {
		if n := a.judge.idle(raw[i:]); n > 0 {
			if detail == Text {
				out = a.plain(out, raw[i:i+n])
			}
			i += n
		}
		c, was, before := raw[i], a.judge.lex.kind, secret
		secret = a.judge.secret(c)
		if a.judge.lex.fresh {
			a.token(was, raw[begin:i], hidden)
			begin, hidden = i, false
		}
		hidden = hidden || secret
		a.secret = a.secret || secret
		if detail == Text {
			out = a.without(out, c, secret, before)
		}
	}
	a.token(a.judge.lex.kind, raw[begin:], hidden)
	s := Statement{Name: a.name.String(), Secret: a.secret, Fingerprint: a.shape.sum()}
	if detail == Fingerprint {
		out, a.cut = a.shape.out, a.shape.cut
	}
	if s.Cut = a.cut; s.Cut {
		out = wholeRunes(out)
	}
	s.Text = string(out)
	return s
}

// wholeRunes is a text that was cut, without the beginning of a character at its end.
func wholeRunes(text []byte) []byte {
	for range utf8.UTFMax - 1 {
		if r, n := utf8.DecodeLastRune(text); r != utf8.RuneError || n != 1 {
			break
		}
		text = text[:len(text)-1]
	}
	return text
}

// analysis is what is known of a statement so far.
type analysis struct {
	judge  judge
	shape  shape
	name   naming
	secret bool
	cut    bool
}

// hiddenMark stands for a secret in a text.
const hiddenMark = "***"

// without appends a byte of the text, and a mark in place of those that are secret.
func (a *analysis) without(out []byte, c byte, secret, before bool) []byte {
	switch {
	case len(out) >= a.shape.limit:
		a.cut = true
	case !secret:
		return append(out, c)
	case !before || a.judge.lex.fresh:
		return append(out, hiddenMark[:min(len(hiddenMark), a.shape.limit-len(out))]...)
	}
	return out
}

// plain appends bytes without a secret.
func (a *analysis) plain(out, b []byte) []byte {
	if room := a.shape.limit - len(out); len(b) > room {
		b, a.cut = b[:room], true
	}
	return append(out, b...)
}

// token takes a token that has ended.
func (a *analysis) token(k kind, raw []byte, hidden bool) {
	switch {
	case len(raw) == 0:
	case k == blank || k == comment:
		a.shape.spaced = true
	case hidden || k == number || k == text:
		a.name.other(k, raw)
		a.shape.literal(k == number)
	default:
		a.name.other(k, raw)
		a.shape.take(k, raw)
	}
}
