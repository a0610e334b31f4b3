package redis

// tree builds a value as it is read.
type tree struct {
	lexer  *lexer
	reply  *reply
	root   Value
	path   []*Value // the open lists; those of attributes have the kind |
	values int
	about  []Value // attributes of the value that comes next
}

func (t *tree) open(kind byte, _ int64) {
	v := &Value{Kind: kind}
	if kind != '|' {
		v.Attributes, t.about = t.about, nil
	}
	t.path = append(t.path, v)
	t.values++
}

func (t *tree) begin(byte, int64) {}

func (t *tree) part([]byte) {}

func (t *tree) end() {
	t.reply.value(t.lexer)
	v := Value{Kind: t.lexer.kind, Null: t.lexer.null, Attributes: t.about}
	t.about = nil
	if !v.Null {
		v.Text = append([]byte{}, t.lexer.word...)
	}
	t.values++
	t.add(v)
}

func (t *tree) shut() {
	t.reply.whole(t.lexer)
	last := len(t.path) - 1
	v := *t.path[last]
	t.path = t.path[:last]
	if v.Kind == '|' {
		t.about = append(t.about, v.Items...)
		return
	}
	t.add(v)
}

// add puts a whole value where it belongs.
func (t *tree) add(v Value) {
	if len(t.path) == 0 {
		t.root = v
		return
	}
	in := t.path[len(t.path)-1]
	in.Items = append(in.Items, v)
}
