package replay

import (
	"hash/fnv"
	"slices"
	"strconv"
	"strings"

	"github.com/lodoor/lodoor/proxy/wire/redis"
)

// redisAnswerMax is how long an answer may be that is kept. Of a longer one there is a digest, and one that the order of its
// elements does not change.
const redisAnswerMax = 256 << 10

// redisAnswer is what a server answered to a command.
type redisAnswer struct {
	command redisCommand
	queued  bool           // within MULTI: it says no more than that
	queue   []redisCommand // of EXEC: what its elements answer
	values  []redis.Value  // mostly one; nil of a long answer
	kind    byte
	length  int
	digest  uint64
	sum     uint64
}

func newRedisAnswer(c redisCommand, parts []redis.Message) *redisAnswer {
	a := &redisAnswer{command: c, kind: parts[0].Value.Kind}
	h := fnv.New64a()
	for i := range parts {
		_, _ = h.Write(parts[i].Raw)
		a.length += len(parts[i].Raw)
		a.values = append(a.values, parts[i].Value)
	}
	a.digest = h.Sum64()
	if a.length > redisAnswerMax {
		a.sum = redisSum(c.name, a.values[0].Items)
		a.values = nil
	}
	return a
}

// redisSum is a digest of elements in any order.
func redisSum(name string, items []redis.Value) (sum uint64) {
	unordered, pairs := redisUnordered(name)
	if !unordered {
		return 0
	}
	for _, text := range redisElements(items, pairs) {
		sum += fingerprint(text)
	}
	return sum
}

func (a *redisAnswer) failed() bool { return a.kind == '-' || a.kind == '!' }

func (a *redisAnswer) size() int {
	if a.values == nil {
		return 256
	}
	return 256 + 8*a.length // a value is larger than its bytes
}

// show is the answer for a person, bounded.
func (a *redisAnswer) show() string {
	if a.values == nil {
		return strconv.Itoa(a.length) + " bytes"
	}
	var b strings.Builder
	for i := range a.values {
		redisShow(&b, &a.values[i])
	}
	return cutText(b.String(), showMax)
}

// showMax is how much of a value is shown.
const showMax = 200

func redisShow(b *strings.Builder, v *redis.Value) {
	switch {
	case b.Len() > showMax:
	case v.Null || v.Kind == '_':
		b.WriteString("nil")
	case v.Kind == '+' || v.Kind == '-' || v.Kind == '!':
		b.WriteByte(v.Kind)
		b.Write(v.Text)
	case v.Kind == '$' || v.Kind == '=':
		b.WriteString(strconv.Quote(cutText(string(v.Text), showMax)))
	case !redisList(v.Kind):
		b.Write(v.Text)
	default:
		b.WriteByte('[')
		for i := range v.Items {
			if i > 0 {
				b.WriteString(", ")
			}
			redisShow(b, &v.Items[i])
		}
		b.WriteByte(']')
	}
}

// redisList says whether a value has elements: a list, a map, a set or a push.
func redisList(kind byte) bool { return kind == '*' || kind == '%' || kind == '~' || kind == '>' }

// redisElements are elements, or pairs of them, in an order of their own.
func redisElements(items []redis.Value, pairs bool) []string {
	step := 1
	if pairs {
		step = 2
	}
	var all []string
	for i := 0; i < len(items); i += step {
		var b strings.Builder
		for j := i; j < min(i+step, len(items)); j++ {
			redisText(&b, &items[j])
		}
		all = append(all, b.String())
	}
	slices.Sort(all)
	return all
}

// redisText writes a value so that two texts are the same when the values are; what has no order is put in one.
func redisText(b *strings.Builder, v *redis.Value) {
	b.WriteByte(v.Kind)
	if v.Null {
		b.WriteByte('n')
		return
	}
	if !redisList(v.Kind) {
		b.WriteString(strconv.Itoa(len(v.Text)))
		b.WriteByte(' ')
		b.Write(v.Text)
		return
	}
	b.WriteString(strconv.Itoa(len(v.Items)))
	if v.Kind == '%' || v.Kind == '~' {
		for _, text := range redisElements(v.Items, v.Kind == '%') {
			b.WriteString(text)
		}
		return
	}
	for i := range v.Items {
		redisText(b, &v.Items[i])
	}
}
