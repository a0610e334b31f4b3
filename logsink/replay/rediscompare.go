package replay

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/lodoor/lodoor/proxy/wire/redis"
)

// redisComparing is one comparison of two answers.
type redisComparing struct {
	ignore map[string]bool
	used   map[string]bool
}

// Compare implements Protocol.
func (r *Redis) Compare(recorded, played *Exchange) Comparison {
	a, b := recorded.Answer.(*redisAnswer), played.Answer.(*redisAnswer)
	if a.digest == b.digest && a.length == b.length {
		return same()
	}
	c := &redisComparing{r.ignore, map[string]bool{}}
	what := c.answers(a, b)
	if what != "" {
		return Comparison{What: what, Recorded: a.show(), Played: b.show()}
	}
	result := same()
	for _, rule := range redisRules() {
		if c.used[rule.Name] {
			result.Ignored = append(result.Ignored, rule.Name)
		}
	}
	return result
}

// passes says whether a rule holds, and notes that it was used.
func (c *redisComparing) passes(rule string) bool {
	if c.ignore[rule] {
		c.used[rule] = true
	}
	return c.ignore[rule]
}

// answers says what differs; empty when nothing does.
func (c *redisComparing) answers(a, b *redisAnswer) string {
	command := a.command
	if a.queued {
		command = redisCommand{}
	}
	if a.values == nil || b.values == nil {
		reason := redisReason(command)
		switch {
		case reason != "" && a.failed() == b.failed() && c.passes(reason):
			return ""
		case a.sum != 0 && a.sum == b.sum && a.length == b.length && c.passes(ruleOrder):
			return ""
		}
		return "the answer"
	}
	if len(a.values) != len(b.values) {
		return "the number of confirmations"
	}
	for i := range a.values {
		if what := c.values(command, &a.values[i], &b.values[i], a.queue); what != "" {
			return what
		}
	}
	return ""
}

// values compares the answers to one command; queue are those whose answers are its elements.
func (c *redisComparing) values(command redisCommand, a, b *redis.Value, queue []redisCommand) string {
	failed := func(v *redis.Value) bool { return v.Kind == '-' || v.Kind == '!' }
	switch reason := redisReason(command); {
	case redisSame(a, b):
		return ""
	case failed(a) != failed(b):
		return "the answer"
	case failed(a):
		return c.errors(a, b)
	case reason != "" && c.passes(reason):
		return ""
	case a.Kind != b.Kind || a.Null != b.Null:
		return "the answer"
	case redisLife(command.name) && lives(a) && lives(b) && c.passes(ruleTTL):
		return ""
	}
	if unordered, pairs := redisUnordered(command.name); unordered || a.Kind == '%' || a.Kind == '~' {
		pairs = pairs && a.Kind == '*' || a.Kind == '%'
		if slices.Equal(redisElements(a.Items, pairs), redisElements(b.Items, pairs)) && c.passes(ruleOrder) {
			return ""
		}
		return "the elements"
	}
	return c.elements(a, b, queue)
}

// elements compares lists in their order.
func (c *redisComparing) elements(a, b *redis.Value, queue []redisCommand) string {
	if !redisList(a.Kind) {
		return "the value"
	}
	if len(a.Items) != len(b.Items) {
		return fmt.Sprintf("the number of elements, %d and %d", len(a.Items), len(b.Items))
	}
	for i := range a.Items {
		var of redisCommand
		if len(queue) == len(a.Items) {
			of = queue[i]
		}
		if what := c.values(of, &a.Items[i], &b.Items[i], nil); what != "" {
			if of.name != "" {
				return fmt.Sprintf("%s of element %d, of %s", what, i+1, of.name)
			}
			return fmt.Sprintf("element %d", i+1)
		}
	}
	return ""
}

func (c *redisComparing) errors(a, b *redis.Value) string {
	word := func(v *redis.Value) string { w, _, _ := strings.Cut(string(v.Text), " "); return w }
	if word(a) == word(b) && c.passes(ruleMessages) {
		return ""
	}
	return "the error"
}

// redisSame says whether two values are the same, with the order of their elements.
func redisSame(a, b *redis.Value) bool {
	return a.Kind == b.Kind && a.Null == b.Null && string(a.Text) == string(b.Text) &&
		slices.EqualFunc(a.Items, b.Items, func(x, y redis.Value) bool { return redisSame(&x, &y) })
}

// lives says whether a number is a time to come, as TTL has it: -1 is without an end, -2 without a key.
func lives(v *redis.Value) bool {
	n, err := strconv.ParseInt(string(v.Text), 10, 64)
	return err == nil && n >= 0
}
