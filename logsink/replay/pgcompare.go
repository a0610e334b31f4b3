package replay

import (
	"bytes"
	"fmt"
	"slices"
	"time"
)

// pgComparing is one comparison of two answers.
type pgComparing struct {
	ignore           map[string]bool
	recorded, played *pgAnswer
	// since and began are when the recording began and the replay.
	since, began time.Time
	used         map[string]bool
}

// Compare implements Protocol.
func (p *Postgres) Compare(recorded, played *Exchange) Comparison {
	c := &pgComparing{
		ignore: p.ignore, recorded: recorded.Answer.(*pgAnswer), played: played.Answer.(*pgAnswer),
		since: p.times.recorded, began: p.times.played, used: map[string]bool{},
	}
	r := c.compare()
	for _, rule := range postgresRules() {
		if c.used[rule.Name] {
			r.Ignored = append(r.Ignored, rule.Name)
		}
	}
	return r
}

func same() Comparison { return Comparison{Same: true} }

func (c *pgComparing) compare() Comparison {
	a, b := c.recorded, c.played
	if a.passed || b.passed {
		if a.passed == b.passed {
			return same()
		}
		return Comparison{What: "the answer", Recorded: a.show(), Played: b.show()}
	}
	for i := range max(len(a.items), len(b.items)) {
		x, y := a.item(i), b.item(i)
		if c.alike(x, y) {
			continue
		}
		if x.kind == 'D' || y.kind == 'D' {
			return c.rows(i)
		}
		return Comparison{What: pgWhat(x, y), Recorded: x.show(), Played: y.show()}
	}
	return c.rests()
}

// item is a message of the answer, or one without a kind.
func (a *pgAnswer) item(i int) pgItem {
	if i < len(a.items) {
		return a.items[i]
	}
	return pgItem{}
}

// alike says whether two messages mean the same.
func (c *pgComparing) alike(x, y pgItem) bool {
	if x.kind != y.kind {
		return false
	}
	switch x.kind {
	case 'T':
		return pgSameColumns(readPgColumns(x.body), readPgColumns(y.body))
	case 't':
		return slices.Equal(pgParameters(x.body), pgParameters(y.body))
	case 'D':
		return c.row(x, y)
	case 'E':
		return c.failure(x.body, y.body)
	default:
		return bytes.Equal(x.body, y.body)
	}
}

func pgSameColumns(a, b *pgColumns) bool {
	if !slices.Equal(a.names, b.names) || !slices.Equal(a.formats, b.formats) {
		return false
	}
	return slices.Equal(pgTypes(a.types), pgTypes(b.types))
}

// pgTypes are types as they can be compared: those of users have other numbers in another database.
func pgTypes(types []uint32) []uint32 {
	known := slices.Clone(types)
	for i := range known {
		known[i] = min(known[i], pgFirstUserOID)
	}
	return known
}

// pgParameters are the types of a statement's parameters.
func pgParameters(body []byte) []uint32 {
	r := pgReader{b: body}
	var types []uint32
	for range r.uint16() {
		types = append(types, r.uint32())
	}
	return pgTypes(types)
}

func (c *pgComparing) failure(a, b []byte) bool {
	codeA, textA := pgError(a)
	codeB, textB := pgError(b)
	switch {
	case codeA != codeB:
		return false
	case textA == textB:
		return true
	case c.ignore[ruleMessages]:
		c.used[ruleMessages] = true
		return true
	}
	return false
}

// row compares two rows.
func (c *pgComparing) row(x, y pgItem) bool {
	if bytes.Equal(x.body, y.body) {
		return true
	}
	if rule := c.reason(); rule != "" {
		c.used[rule] = true
		return true
	}
	a, b := readPgRow(x.body), readPgRow(y.body)
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if (a[i] == nil) != (b[i] == nil) || !bytes.Equal(a[i], b[i]) && !c.value(i, x, y, a[i], b[i]) {
			return false
		}
	}
	return true
}

// reason is the rule by which values may differ whatever they are; empty when none says so.
func (c *pgComparing) reason() string {
	if c.ignore[ruleRows] {
		return ruleRows
	}
	if s := c.recorded.about; s != nil && s.reason != "" && c.ignore[s.reason] {
		return s.reason
	}
	return ""
}

// value says whether a rule allows that two values of a column differ.
func (c *pgComparing) value(i int, x, y pgItem, a, b []byte) bool {
	oid, format := x.columns.column(i)
	other, otherFormat := y.columns.column(i)
	switch {
	case oid != other || format != otherFormat:
		return false
	case pgIsOID(oid):
		if pgOID(a, format) < pgFirstUserOID || pgOID(b, format) < pgFirstUserOID {
			return false
		}
		c.used[ruleOID] = true
		return true
	}
	from, okFrom := pgTime(a, oid, format, c.recorded.zone)
	to, okTo := pgTime(b, oid, format, c.played.zone)
	if !okFrom || !okTo || !within(from, c.since, c.recorded.at) || !within(to, c.began, c.played.at) {
		return false
	}
	c.used[ruleClock] = true
	return true
}

// within says whether a time is between two, give or take what clocks and zones of rounding make.
func within(t, from, to time.Time) bool {
	const about = time.Second
	return !from.IsZero() && !t.Before(from.Add(-about)) && !t.After(to.Add(about))
}

// rows is the difference of two answers whose rows are not alike from message i on.
func (c *pgComparing) rows(i int) Comparison {
	a, b := c.recorded, c.played
	if a.rows == b.rows && pgSameSet(a, b) {
		if c.ignore[ruleOrder] {
			c.used[ruleOrder] = true
			return same()
		}
		return Comparison{
			What: fmt.Sprintf("the order of the rows, from row %d (the same rows come)", a.number(i)), Recorded: a.item(i).show(), Played: b.item(i).show(),
		}
	}
	d := Comparison{What: fmt.Sprintf("row %d", a.number(i)), Recorded: a.item(i).show(), Played: b.item(i).show()}
	if a.rows != b.rows {
		d.What += fmt.Sprintf(" (of %d in the recording, %d now)", a.rows, b.rows)
	}
	return d
}

// number is which row the item is, from 1.
func (a *pgAnswer) number(i int) int {
	n := 1
	for _, x := range a.items[:min(i, len(a.items))] {
		if x.kind == 'D' {
			n++
		}
	}
	return n
}

// pgSameSet says whether two answers have the same rows, in whatever order.
func pgSameSet(a, b *pgAnswer) bool {
	digest := func(a *pgAnswer) pgRest {
		r := a.rest
		for _, i := range a.items {
			if i.kind == 'D' || i.kind == 'd' {
				r.add(i.kind, i.body)
			}
		}
		r.ordered = 0
		return r
	}
	return digest(a) == digest(b)
}

// rests compares what is behind the beginnings of two long answers.
func (c *pgComparing) rests() Comparison {
	a, b := c.recorded, c.played
	if a.rest == b.rest {
		return same()
	}
	if rule := c.reason(); rule != "" && a.rest.count == b.rest.count {
		c.used[rule] = true
		return same()
	}
	if c.ignore[ruleOrder] && pgSameSet(a, b) {
		c.used[ruleOrder] = true
		return same()
	}
	return Comparison{
		What:     fmt.Sprintf("what is behind the first %d KiB of the answer", pgAnswerMax>>10),
		Recorded: fmt.Sprintf("%d rows, digest %016x", a.rest.count, a.rest.ordered),
		Played:   fmt.Sprintf("%d rows, digest %016x", b.rest.count, b.rest.ordered),
	}
}
