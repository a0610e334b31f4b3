package block_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
)

func TestComment(t *testing.T) {
	for text, want := range map[string]block.Comment{
		`lodoor session=0123456789abcdef service="db" program="psql" user="alice" pid=4242 verdict=allow rule="builtin.loopback"`: {
			Session: "0123456789abcdef", Service: "db", Program: "psql", User: "alice", PID: 4242, Verdict: "allow",
			Rule: "builtin.loopback",
		},
		`lodoor session=a client="[::1]:40000"`:               {Session: "a", Client: "[::1]:40000"},
		`lodoor not_kept=17 why="slow_disk"`:                  {NotKept: 17, Why: block.WhySlowDisk},
		`lodoor session=a program="x\" user=\"root\" \u202e"`: {Session: "a", Program: "x\" user=\"root\" \u202e"},
		`lodoor session=a program="\xff=\n"`:                  {Session: "a", Program: "\xff=\n"},
		`lodoor session=a later="b c"`:                        {Session: "a", Other: []block.Field{{Key: "later", Value: "b c"}}},
		`lodoor`:                                              {},
	} {
		got, ok := block.ParseComment(text)
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%s: ok %v\n%s", text, ok, diff)
		}
		if got.String() != text {
			t.Errorf("%s is written as %s", text, got.String())
		}
	}
}

// TestTolerant reads what this version of lodoor does not write.
func TestTolerant(t *testing.T) {
	for text, want := range map[string]block.Comment{
		"lodoor  session=a  loose words = pid=nine":  {Session: "a"},
		`lodoor session="a" program=psql why=x`:      {Session: "a", Program: "psql", Why: "x"},
		`lodoor program="never closed service="db"`:  {Program: `"never closed service="db"`},
		`lodoor session=a program="psql"trail pid=3`: {Session: "a", Program: `"psql"trail`, PID: 3},
	} {
		got, ok := block.ParseComment(text)
		if diff := cmp.Diff(want, got); !ok || diff != "" {
			t.Errorf("%s: ok %v\n%s", text, ok, diff)
		}
	}
	for _, text := range []string{"", "lodoors session=a", "tcp", " lodoor session=a"} {
		if c, ok := block.ParseComment(text); ok {
			t.Errorf("%q is taken for %+v", text, c)
		}
	}
}

// TestCommentOfAnything writes what peers may be called: it comes back as it was, and the text is printable ASCII.
func TestCommentOfAnything(t *testing.T) {
	anything := rapid.Map(rapid.SliceOfN(rapid.Byte(), 0, 20), func(b []byte) string { return string(b) })
	rapid.Check(t, func(t *rapid.T) {
		want := block.Comment{
			Session: rapid.StringMatching(`[0-9a-z]{0,16}`).Draw(t, "session"), Service: anything.Draw(t, "service"),
			Program: anything.Draw(t, "program"), User: anything.Draw(t, "user"), PID: rapid.IntRange(0, 1<<22).Draw(t, "pid"),
			Rule: anything.Draw(t, "rule"), NotKept: rapid.Uint64().Draw(t, "not kept"), Why: anything.Draw(t, "why"),
		}
		text := want.String()
		for i := range len(text) {
			if text[i] < ' ' || text[i] > '~' {
				t.Fatalf("%q is not plain", text)
			}
		}
		got, ok := block.ParseComment(text)
		if diff := cmp.Diff(want, got); (!ok || diff != "") && text != "lodoor" {
			t.Fatalf("%s: ok %v\n%s", text, ok, diff)
		}
	})
}
