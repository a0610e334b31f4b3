package history

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// clause builds the conditions of a statement and collects their arguments.
type clause struct {
	dialect
	where []string
	args  []any
}

// dialect is how a database says things.
type dialect struct {
	mark string // begins the name of an argument; its number follows
	find string // the function that finds a text in another and answers its place, 0 when it is not there
	list string // makes the text of a list, each value between two separators, of a column %s
}

// arg adds an argument and returns its name.
func (c *clause) arg(v any) string {
	c.args = append(c.args, v)
	return c.mark + strconv.Itoa(len(c.args))
}

func (c *clause) and(condition string) { c.where = append(c.where, condition) }

// String is all conditions, true when there is none.
func (c *clause) String() string {
	if len(c.where) == 0 {
		return "TRUE"
	}
	return strings.Join(c.where, " AND ")
}

// features asks for what f wants of the columns that features have.
func (c *clause) features(f *Filter) {
	c.among("event", eventNames(f.Events))
	c.among("service", cleaned(f.Services))
	c.among("verdict", f.Verdicts)
	c.has("zones", f.Zones, separator)
	c.has("users", f.Users, separator)
	c.has("programs", f.Programs, separator, " ")
}

// among asks that a column is one of the values.
func (c *clause) among(column string, values []string) {
	if len(values) == 0 {
		return
	}
	names := make([]string, len(values))
	for i, v := range values {
		names[i] = c.arg(v)
	}
	c.and(column + " IN (" + strings.Join(names, ", ") + ")")
}

// has asks that a list has one of the values, followed by one of the ends.
func (c *clause) has(column string, values []string, ends ...string) {
	if len(values) == 0 {
		return
	}
	text := fmt.Sprintf(c.list, column)
	var ways []string
	for _, v := range values {
		for _, end := range ends {
			ways = append(ways, c.find+"("+text+", "+c.arg(separator+clean(v)+end)+") > 0")
		}
	}
	c.and("(" + strings.Join(ways, " OR ") + ")")
}

// times asks for the times that f wants, and for what is behind a key: the rest of the key is compared by the caller.
func (c *clause) times(column string, f *Filter, after *key, backwards bool) {
	first, last := int64(math.MinInt64), int64(math.MaxInt64)
	if !f.Since.IsZero() {
		first = nanos(f.Since)
	}
	if !f.Until.IsZero() {
		last = nanos(f.Until)
	}
	if after != nil && backwards {
		last = min(last, after.at)
	} else if after != nil {
		first = max(first, after.at)
	}
	c.and(column + " BETWEEN " + c.arg(first) + " AND " + c.arg(last))
}

func eventNames(events []flow.Event) []string {
	names := make([]string, len(events))
	for i, e := range events {
		names[i] = e.String()
	}
	return names
}

func cleaned(list []string) []string {
	list = slices.Clone(list)
	for i := range list {
		list[i] = clean(list[i])
	}
	return list
}
