package block

import (
	"strconv"
	"strings"
)

// Comment is what lodoor writes to a packet, so that a filter such as frame.comment contains "psql" finds it. Of a
// session it stands on the first packet of the front leg, and on a later one with what was found out since. The first
// packet of the back leg has one with the Session, too: nothing else says whose it is. So has the first packet of a
// session that goes on in another file. Of a packet that was not kept whole the comment has NotKept. What is not known is
// empty, and not written.
type Comment struct {
	Session                string // its identifier
	Service, Program, User string
	PID                    int
	Verdict, Rule          string
	// Client is the address and port of the side that connected; only where the packets do not tell it, since the
	// connection has begun in another file.
	Client string
	// NotKept is how many bytes of the packet were not kept, Why the reason in one word: see the constants.
	NotKept uint64
	Why     string
	// Redacted are words for what is overwritten in the session, parted by commas: a replay has to know what is not there.
	Redacted string
	// Other are keys that are not known here, in their order.
	Other []Field
}

// Field is a key of a comment, and its value.
type Field struct{ Key, Value string }

// The reasons for which payload is not kept.
const (
	WhySnap          = "snap_payload"    // the setting
	WhySlowDisk      = "slow_disk"       // no memory was free
	WhyMaxSession    = "max_per_session" // the setting
	WhyMaxTotal      = "max_total"       // the setting
	WhyNotRedactable = "not_redactable"  // it could have been a secret
	WhyUnseen        = "unseen"          // the kernel moved it
)

// signature begins every comment of lodoor.
const signature = "lodoor"

// Append appends the comment as text. It is ASCII whatever the values are, since they come from peers.
func (c *Comment) Append(b []byte) []byte {
	b = append(b, signature...)
	b = appendWord(b, "session", c.Session)
	b = appendQuoted(b, "service", c.Service)
	b = appendQuoted(b, "program", c.Program)
	b = appendQuoted(b, "user", c.User)
	b = appendCount(b, "pid", uint64(max(c.PID, 0)))
	b = appendWord(b, "verdict", c.Verdict)
	b = appendQuoted(b, "rule", c.Rule)
	b = appendQuoted(b, "client", c.Client)
	b = appendCount(b, "not_kept", c.NotKept)
	b = appendQuoted(b, "why", c.Why)
	b = appendQuoted(b, "redacted", c.Redacted)
	for _, f := range c.Other {
		b = appendQuoted(b, f.Key, f.Value)
	}
	return b
}

func (c *Comment) String() string { return string(c.Append(nil)) }

func appendWord(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	return append(append(append(append(b, ' '), key...), '='), value...)
}

func appendQuoted(b []byte, key, value string) []byte {
	if value == "" {
		return b
	}
	b = append(append(append(b, ' '), key...), '=')
	return strconv.AppendQuoteToASCII(b, value)
}

func appendCount(b []byte, key string, value uint64) []byte {
	if value == 0 {
		return b
	}
	return strconv.AppendUint(append(append(append(b, ' '), key...), '='), value, 10)
}

// ParseComment reads a comment; ok is false when it is not one of lodoor's. A key that is not known is kept in Other;
// what is no key with a value is passed over.
func ParseComment(text string) (c Comment, ok bool) {
	rest, ok := strings.CutPrefix(text, signature+" ")
	if !ok {
		return Comment{}, text == signature
	}
	for rest != "" {
		var word string
		word, rest = nextWord(rest)
		if key, value, found := strings.Cut(word, "="); found && key != "" {
			c.set(key, unquoted(value))
		}
	}
	return c, true
}

// nextWord cuts at the first space that is not within quotes.
func nextWord(text string) (word, rest string) {
	if i := strings.IndexAny(text, " \""); i >= 0 && text[i] == '"' {
		if quoted, err := strconv.QuotedPrefix(text[i:]); err == nil {
			behind, rest, _ := strings.Cut(text[i+len(quoted):], " ")
			return text[:i+len(quoted)] + behind, rest
		}
	}
	word, rest, _ = strings.Cut(text, " ")
	return word, rest
}

func unquoted(value string) string {
	if !strings.HasPrefix(value, `"`) {
		return value
	}
	if plain, err := strconv.Unquote(value); err == nil {
		return plain
	}
	return value
}

func (c *Comment) set(key, value string) {
	switch key {
	case "session":
		c.Session = value
	case "service":
		c.Service = value
	case "program":
		c.Program = value
	case "user":
		c.User = value
	case "pid":
		c.PID, _ = strconv.Atoi(value)
	case "verdict":
		c.Verdict = value
	case "rule":
		c.Rule = value
	case "client":
		c.Client = value
	case "not_kept":
		c.NotKept, _ = strconv.ParseUint(value, 10, 64)
	case "why":
		c.Why = value
	case "redacted":
		c.Redacted = value
	default:
		c.Other = append(c.Other, Field{key, value})
	}
}
