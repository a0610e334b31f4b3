package alert

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// parseWindow reads a window. It does not know which fields there are.
func parseWindow(text string) (*window, error) {
	if len(text) > maxWindowText {
		return nil, fmt.Errorf("the window has %d bytes: at most %d are allowed", len(text), maxWindowText)
	}
	p := &windowParser{text: text}
	p.next()
	w := &window{}
	for _, part := range []func(*window) error{p.measured, p.compared, p.within, p.grouped} {
		if err := part(w); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// windowParser has one token at hand.
type windowParser struct {
	text  string
	token string // empty at the end
	at    int    // where token begins, from 0
	rest  int    // where the next one is looked for
}

// next takes a token: a word, a number with its unit, an operator, or one other character.
func (p *windowParser) next() {
	p.at = p.rest
	for p.at < len(p.text) && strings.IndexByte(" \t\n\r", p.text[p.at]) >= 0 {
		p.at++
	}
	end := p.at
	for end < len(p.text) && isWordByte(p.text[end]) {
		end++
	}
	switch {
	case end > p.at || end == len(p.text):
	case strings.HasPrefix(p.text[end:], ">="), strings.HasPrefix(p.text[end:], "=="):
		end += 2
	default:
		_, size := utf8.DecodeRuneInString(p.text[end:])
		end += size
	}
	p.token, p.rest = p.text[p.at:end], end
}

func isWordByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '.'
}

// expected says what should stand at the present place.
func (p *windowParser) expected(what string) error {
	found := "the end"
	if p.token != "" {
		found = strconv.Quote(p.token)
	}
	return fmt.Errorf("column %d: expected %s; found %s", p.at+1, what, found)
}

// take goes over a token that must be there.
func (p *windowParser) take(token, what string) error {
	if p.token != token {
		return p.expected(what)
	}
	p.next()
	return nil
}

// measured reads "count()" or "sum(field)".
func (p *windowParser) measured(w *window) error {
	measures := []measure{measureCount, measureSum, measureDistinct, measureMax}
	if !slices.Contains(measures, measure(p.token)) {
		return p.expected("one of count(), sum(FIELD), distinct(FIELD), max(FIELD)")
	}
	w.measure = measure(p.token)
	p.next()
	if err := p.take("(", "("); err != nil {
		return err
	}
	if w.measure == measureCount {
		return p.take(")", ") since count() counts records and has no field")
	}
	var err error
	if w.field, err = p.name(); err != nil {
		return err
	}
	return p.take(")", ")")
}

// name reads the name of a field.
func (p *windowParser) name() (string, error) {
	name := p.token
	if name == "" || name[0] < 'a' || name[0] > 'z' || len(name) > maxFieldLength {
		return "", p.expected("the name of a field, as service or client.address")
	}
	p.next()
	return name, nil
}

// compared reads "> 20" or ">= 5s".
func (p *windowParser) compared(w *window) error {
	if p.token != ">" && p.token != ">=" && p.token != "==" {
		return p.expected("one of >, >=, ==")
	}
	w.operator = p.token
	p.next()
	if n, err := strconv.ParseUint(p.token, 10, 53); err == nil {
		w.limit = float64(n)
	} else if d, err := time.ParseDuration(p.token); err == nil {
		w.limit, w.time = float64(d), true
	} else {
		return p.expected("a whole number without a sign, or a duration as 5s")
	}
	if w.measure == measureDistinct && w.limit > maxDistinctOf {
		return p.expected(fmt.Sprintf("at most %d, since so many values are told apart", maxDistinctOf))
	}
	if w.time && (w.measure == measureCount || w.measure == measureDistinct) {
		return p.expected("a number: " + string(w.measure) + " counts")
	}
	if (w.measure == measureCount || w.measure == measureDistinct) && w.limit == 0 && w.operator != ">" {
		return p.expected("a number above 0: it is looked at when there is one at least")
	}
	p.next()
	return nil
}

// within reads "in 1m".
func (p *windowParser) within(w *window) error {
	if err := p.take("in", `in, as in "in 1m"`); err != nil {
		return err
	}
	d, err := time.ParseDuration(p.token)
	if err != nil || d < minSpan || d > maxSpan {
		return p.expected(fmt.Sprintf("a duration from %v to 24h, as 1m", minSpan))
	}
	w.span = d
	p.next()
	return nil
}

// grouped reads "by service, program", or nothing, and then the end.
func (p *windowParser) grouped(w *window) error {
	if p.token == "" {
		return nil
	}
	if err := p.take("by", "by and fields, or the end"); err != nil {
		return err
	}
	for {
		at, name := p.at, p.token
		field, err := p.name()
		switch {
		case err != nil:
			return err
		case slices.Contains(w.by, field):
			return fmt.Errorf("column %d: %s is given twice: expected each field once", at+1, name)
		case len(w.by) == maxBy:
			return fmt.Errorf("column %d: %s is one field too many: expected at most %d", at+1, name, maxBy)
		}
		w.by = append(w.by, field)
		if p.token == "" {
			return nil
		}
		if err := p.take(",", "a comma and another field, or the end"); err != nil {
			return err
		}
	}
}
