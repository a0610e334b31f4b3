package sql

import "slices"

// naming finds a statement's name.
type naming struct {
	verb, object string
	depth        int
	done         bool
}

// other takes a token: a word may be the name, a bracket hides it.
func (n *naming) other(k kind, raw []byte) {
	switch {
	case n.done:
	case k == mark:
		n.mark(raw[0])
	case k == word && len(raw) <= len(letters{}.buf):
		n.word(raw)
	}
}

func (n *naming) mark(c byte) {
	switch c {
	case '(':
		n.depth++
	case ')':
		n.depth--
	case ';':
		n.done = n.verb != ""
	}
}

func (n *naming) word(raw []byte) {
	switch n.verb {
	case "":
		n.verb = upperString(raw)
		n.depth = 0
		n.done = n.verb != "WITH" && n.verb != "CREATE" && n.verb != "ALTER" && n.verb != "DROP"
	case "WITH":
		if w := upperString(raw); n.depth == 0 && slices.Contains(mainVerbs(), w) {
			n.verb, n.done = w, true
		}
	default:
		if w := upperString(raw); slices.Contains(objects(), w) {
			n.object, n.done = w, true
		}
	}
}

func (n *naming) String() string {
	if n.object == "" {
		return n.verb
	}
	return n.verb + " " + n.object
}

func upperString(raw []byte) string {
	var buf [len(letters{}.buf)]byte
	for i, c := range raw {
		buf[i] = upper(c)
	}
	return string(buf[:len(raw)])
}

func mainVerbs() []string {
	return []string{"SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "VALUES", "TABLE", "REPLACE"}
}

// objects are the kinds of what can be created.
func objects() []string {
	return []string{
		"TABLE", "INDEX", "VIEW", "TYPE", "DOMAIN", "SEQUENCE", "SCHEMA", "FUNCTION", "PROCEDURE", "TRIGGER", "EVENT",
		"AGGREGATE", "USER", "ROLE", "GROUP", "SERVER", "SUBSCRIPTION", "PUBLICATION", "SYSTEM", "DATABASE", "EXTENSION",
		"POLICY", "RULE", "CAST", "COLLATION", "OPERATOR", "STATISTICS", "LANGUAGE", "TABLESPACE", "MATERIALIZED",
	}
}
