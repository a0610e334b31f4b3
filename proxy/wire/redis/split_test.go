package redis

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/proxy/flow"
)

func TestSplitterValue(t *testing.T) {
	var got []Value
	sp := NewSplitter(1000, func(dir flow.Direction, m Message) error {
		if dir == flow.FromBackend {
			got = append(got, m.Value)
		}
		return nil
	})
	for _, st := range []step{ask("X"), s("|1\n+ttl\n:5\n*3\n$1\na\n%1\n+k\n_\n$-1\n"), ask("X"), s("*-1\n")} {
		if err := sp.Data(st.dir, st.b); err != nil {
			t.Fatal(err)
		}
	}
	text := func(kind byte, s string) Value { return Value{Kind: kind, Text: []byte(s)} }
	want := []Value{
		{Kind: '*', Attributes: []Value{text('+', "ttl"), text(':', "5")}, Items: []Value{
			text('$', "a"), {Kind: '%', Items: []Value{text('+', "k"), {Kind: '_', Null: true}}}, {Kind: '$', Null: true},
		}},
		{Kind: '*', Null: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSplitterBound(t *testing.T) {
	for name, st := range map[string][]step{
		"a command": {ask("SET", "a", strings.Repeat("v", 1000))},
		"an answer": {ask("GET", "a"), tell(bulk(strings.Repeat("v", 1000)))},
		"values":    {ask("GET", "a"), tell("*100\r\n", strings.Repeat(":1\r\n", 100))},
		"unended":   {ask("SET", "a"), c("*1\n$100000000\n" + strings.Repeat("v", 1000))},
	} {
		sp := NewSplitter(1000, func(flow.Direction, Message) error { return nil })
		var err error
		for _, st := range st {
			if err = sp.Data(st.dir, st.b); err != nil {
				break
			}
		}
		if err == nil || !strings.Contains(err.Error(), "of more than 1000 bytes") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestSplitterEnd(t *testing.T) {
	sp := NewSplitter(1000, func(flow.Direction, Message) error { return nil })
	if err := sp.Data(flow.FromClient, []byte("*1\r\n$4\r\nPI")); err != nil {
		t.Fatal(err)
	}
	if err := sp.End(flow.FromBackend); err != nil {
		t.Error(err)
	}
	if err := sp.End(flow.FromClient); err == nil || !strings.Contains(err.Error(), "ended after 10 bytes of a message of the client") {
		t.Errorf("error %v", err)
	}
}
