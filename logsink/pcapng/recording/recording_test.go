package recording_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

const client, backend = flow.FromClient, flow.FromBackend

// two is a recording of two sessions, the second of which is reset.
func two() *file {
	f := relayed()
	a, b := f.front(1, "a"), f.front(2, "b")
	a.open()
	b.open()
	aBack := f.back(1, "a")
	aBack.open()
	a.data(client, []byte("one "), 0)
	aBack.data(client, []byte("one "), 0)
	a.data(client, []byte("two"), 0, (&block.Comment{Session: "a", Program: "psql", PID: 7}).String())
	aBack.data(client, []byte("two"), 0)
	bBack := f.back(2, "b")
	bBack.open()
	b.data(client, []byte("hello"), 5, (&block.Comment{NotKept: 5, Why: block.WhySnap}).String())
	aBack.data(backend, []byte("answer"), 0)
	a.data(backend, []byte("answer"), 0)
	a.shut(client)
	aBack.shut(client)
	bBack.send(backend, rst|ack, nil, 0)
	b.send(backend, rst|ack, nil, 0)
	aBack.shut(backend)
	a.shut(backend)
	return f
}

func TestRead(t *testing.T) {
	for leg, want := range map[recording.Leg]string{
		recording.LegFront: `
a opened
b opened
a connected
a data > one 
a named
a data > two
b connected
b data > hello +5 snap_payload
a data < answer
a shut >
b reset <
b ended
a shut <
a ended`,
		recording.LegBack: `
a opened
b opened
a connected
a data > back one 
a named
a data > back two
b connected
a data < back answer
a shut > back
b reset < back
b ended
a shut < back
a ended`,
		recording.LegBoth: `
a opened
b opened
a connected
a data > one 
a data > back one 
a named
a data > two
a data > back two
b connected
b data > hello +5 snap_payload
a data < back answer
a data < answer
a shut >
a shut > back
b reset < back
b reset <
b ended
a shut < back
a shut <
a ended`,
	} {
		got := strings.Join(whole(t, two().b, recording.Options{Leg: leg}), "\n")
		if diff := cmp.Diff(strings.TrimPrefix(want, "\n"), got); diff != "" {
			t.Errorf("leg %d:\n%s", leg, diff)
		}
	}
}

// TestSession looks at what is known of a session when it ends.
func TestSession(t *testing.T) {
	r, err := recording.New(bytes.NewReader(two().b), "test", recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]recording.Session{}
	for e, err := r.Next(); !errors.Is(err, io.EOF); e, err = r.Next() {
		if err != nil {
			t.Fatal(err)
		}
		got[e.Session.ID] = *e.Session
	}
	want := recording.Session{
		ID: "a", Service: "db", Client: addr("127.0.0.1:40001"), Front: addr("127.0.0.1:62893"), Back: addr("[::1]:50001"),
		Server: addr("[::1]:5432"), Program: "psql", PID: 7, Verdict: "allow", Opened: began(),
	}
	if diff := cmp.Diff(want, got["a"], cmp.Comparer(sameAddr), cmp.Comparer(sameTime)); diff != "" {
		t.Error(diff)
	}
}

func TestChoose(t *testing.T) {
	got := whole(t, two().b, recording.Options{Session: func(s *recording.Session) bool { return s.ID == "b" }})
	want := []string{"b opened", "b connected", "b data > hello +5 snap_payload", "b reset <", "b ended"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestEnds reads recordings that end early, one way or another: what is before is told, and how they end.
func TestEnds(t *testing.T) {
	f := relayed()
	c := f.front(1, "a")
	c.open()
	c.data(client, []byte("one"), 0)
	whole := len(f.b)
	c.data(client, []byte("two"), 0)
	damaged := append(bytes.Clone(f.b[:whole]), 6, 0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0)
	for _, test := range []struct {
		what string
		in   []byte
		want error
	}{
		{"torn", f.b[:len(f.b)-5], block.ErrTorn},
		{"whole, but for the session", f.b[:whole], io.EOF},
		{"damaged", damaged, new(block.FormatError)},
	} {
		told, err := read(t, test.in, recording.Options{})
		if diff := cmp.Diff([]string{"a opened", "a data > one", "a ended unfinished"}, told); diff != "" {
			t.Errorf("%s: %s", test.what, diff)
		}
		var format *block.FormatError
		if good := errors.Is(err, test.want) || errors.As(test.want, &format) && errors.As(err, &format); !good {
			t.Errorf("%s: error %v", test.what, err)
		}
	}
	for _, n := range []int{0, 3, 60} {
		if told, err := read(t, f.b[:n], recording.Options{}); !errors.Is(err, block.ErrTorn) || len(told) > 0 {
			t.Errorf("%d bytes: %v, error %v", n, told, err)
		}
	}
}

// TestForeign refuses what is not lodoor's, in words.
func TestForeign(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"\xd4\xc3\xb2\xa1\x02\x00\x04\x00aaaaaaaa", "was not made by lodoor: at byte 0: it is no pcapng file"},
		{string(block.AppendSection(nil, &block.Section{Application: "Dumpcap (Wireshark)"})), `not made by lodoor, but by "Dumpcap`},
		{string(block.AppendSection(nil, &block.Section{})), `not made by lodoor, but by ""`},
		{"-----BEGIN", "was not made by lodoor"},
	} {
		_, err := read(t, []byte(c.in), recording.Options{})
		if !errors.Is(err, recording.ErrForeign) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "recording test: ") {
			t.Errorf("error %v, want %q", err, c.want)
		}
	}
}

// TestLate reads what is left of sessions whose begin is in another file.
func TestLate(t *testing.T) {
	f := relayed()
	first, second := f.front(1, "a"), f.front(2, "b")
	second.ends = [2]flowAddr{addr("127.0.0.1:33000"), addr("127.0.0.1:33001")} // nothing tells but the comment
	said := first.comments
	first.comments = nil
	second.comments = []string{(&block.Comment{Session: "b", Client: "127.0.0.1:33000"}).String()}
	back := f.back(1, "a")
	back.data(client, []byte("early"), 0) // the front leg has not been seen
	first.data(backend, []byte("first"), 0)
	first.data(client, []byte("second"), 0, said...)
	back.data(client, []byte("second"), 0)
	second.send(backend, ack, nil, 0) // nothing in it but the comment
	second.data(client, []byte("third"), 0)
	stray := f.front(3, "c")
	stray.comments = nil
	stray.send(client, fin|ack, nil, 0) // of a session that is over
	first.send(client, rst|ack, nil, 0)
	back.send(client, rst|ack, nil, 0)
	got := whole(t, f.b, recording.Options{Leg: recording.LegBoth})
	want := []string{
		"a opened", "a connected", "a data > back early", "127.0.0.1:40001-127.0.0.1:62893 opened",
		"127.0.0.1:40001-127.0.0.1:62893 data < first", "a named", "a ended unfinished", "a connected",
		"a data > second", "a data > back second", "b opened", "b data > third", "a reset >", "a reset > back", "a ended",
		"b ended unfinished",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestLateBack reads a session of which a recording begins with an answer: the back leg has it first.
func TestLateBack(t *testing.T) {
	f := relayed()
	front, back := f.front(1, "a"), f.back(1, "a")
	back.data(backend, []byte("answer"), 0)
	front.data(backend, []byte("answer"), 0)
	front.data(client, []byte("next"), 0)
	back.data(client, []byte("next"), 0)
	for _, c := range []*conn{front, back} {
		c.shut(client)
		c.shut(backend)
	}
	for leg, want := range map[recording.Leg][]string{
		recording.LegFront: {
			"a opened", "a connected", "a named", "a data < answer", "a data > next", "a shut >", "a shut <", "a ended",
		},
		recording.LegBoth: {
			"a opened", "a connected", "a data < back answer", "a named", "a data < answer", "a data > next", "a data > back next",
			"a shut >", "a shut <", "a shut > back", "a shut < back", "a ended",
		},
	} {
		if diff := cmp.Diff(want, whole(t, f.b, recording.Options{Leg: leg})); diff != "" {
			t.Errorf("leg %d:\n%s", leg, diff)
		}
	}
	out, err := copied(t, f.b, recording.Copy{}, recording.Options{})
	check(t, err)
	if !bytes.Equal(f.b, out) {
		t.Errorf("%d bytes became %d", len(f.b), len(out))
	}
}

// TestServer tells the sides of a connection that began before by what others have connected to.
func TestServer(t *testing.T) {
	f := relayed()
	first, late := f.front(1, "a"), f.front(2, "b")
	first.ends[1] = addr("127.0.0.1:40500")
	late.ends = [2]flowAddr{addr("127.0.0.1:35000"), first.ends[1]} // the lower port would be taken for the server's
	first.send(client, syn, nil, 0)
	late.data(backend, []byte("hello"), 0)
	got := whole(t, f.b, recording.Options{})
	want := []string{"a opened", "b opened", "b data < hello", "a ended unfinished", "b ended unfinished"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// TestOrder has segments come too early: they are told as soon as what is before them has come, and no later.
func TestOrder(t *testing.T) {
	f := newFile(block.LinkEthernet, "lo")
	c := f.front(1, "a")
	c.open()
	one, two := c.next[0], c.next[0]+3
	c.next[0] = two
	c.data(client, []byte("two"), 0)
	c.next[0] = one
	c.data(client, []byte("one"), 0)
	c.next[0] = two // not all of it is acknowledged
	c.data(backend, []byte("answer"), 0)
	c.next[0] = two + 3 + 4 // lost, and acknowledged
	c.send(backend, ack, nil, 0)
	c.data(client, []byte("five"), 0)
	got := whole(t, f.b, recording.Options{})
	want := []string{
		"a opened", "a data > one", "a data > two", "a data < answer", "a data > +4 ", "a data > five", "a ended unfinished",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	// Without an acknowledgement as much is held as may be.
	c.next[0] += 100
	for range 100 {
		c.data(client, []byte("x"), 0)
	}
	got = whole(t, f.b, recording.Options{})
	if n := len(got); got[6] != "a data > +100 " || got[7] != "a data > x" || n != 6+1+100+1 {
		t.Errorf("%d events, %q", n, got[6:9])
	}
}

// TestNowhere has segments that are no part of their direction: they are not told, and nothing waits for them.
func TestNowhere(t *testing.T) {
	for what, test := range map[string]struct {
		ahead  uint32
		before int // the end
		behind int
	}{
		"behind the end, before it came":   {ahead: 20, before: 1},
		"behind the end, after it":         {ahead: 20, behind: 100},
		"behind the end, all that is held": {ahead: 1<<31 - 100, before: 64},
		"half of all numbers away":         {ahead: 1 << 31, before: 1, behind: 1},
	} {
		t.Run(what, func(t *testing.T) {
			f := newFile(block.LinkEthernet, "lo")
			c := f.front(1, "a")
			c.open()
			first := c.next[0]
			stray := func() {
				c.next[0] = first + test.ahead
				c.data(client, []byte("nowhere"), 0)
				c.next[0] = first
			}
			for range test.before {
				stray()
			}
			c.data(client, []byte("one"), 0)
			c.send(client, fin|ack, nil, 0)
			for range test.behind {
				stray()
			}
			got := whole(t, f.b, recording.Options{})
			want := []string{"a opened", "a data > one", "a shut >", "a ended unfinished"}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAgain has a client's address and port come again, and two recordings one behind the other.
func TestAgain(t *testing.T) {
	f := relayed()
	for _, id := range []string{"a", "b"} {
		c := f.front(1, id)
		c.next[0] += uint32(len(f.b)) // another connection begins at another number
		c.open()
		c.data(client, []byte(id), 0)
		if id == "b" {
			c.shut(client)
			c.shut(backend)
			c.send(client, ack, nil, 0) // late, and of nobody
		}
	}
	once := []string{
		"a opened", "a data > a", "a ended unfinished", "b opened", "b data > b", "b shut >", "b shut <", "b ended",
	}
	if diff := cmp.Diff(once, whole(t, f.b, recording.Options{})); diff != "" {
		t.Error(diff)
	}
	twice := append(bytes.Clone(f.b), f.b...)
	if diff := cmp.Diff(append(once, once...), whole(t, twice, recording.Options{})); diff != "" {
		t.Error(diff)
	}
}

// TestMany reads many sessions, most of which never end: memory has a limit, and nobody's end is missing.
func TestMany(t *testing.T) {
	sessions := 20_000
	if os.Getenv("LODOOR_SOAK") == "1" {
		sessions = 200_000 // more than are followed at the same time
	}
	f := relayed()
	for n := range sessions {
		c := f.front(n, fmt.Sprint(n))
		c.ends[0] = flowAddrFrom(n)
		c.send(client, syn, nil, 0)
	}
	r, err := recording.New(bytes.NewReader(f.b), "test", recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	open, most, all := 0, 0, 0
	for e, err := r.Next(); !errors.Is(err, io.EOF); e, err = r.Next() {
		switch e.Kind {
		case recording.Opened:
			open++
			all++
		case recording.Ended:
			open--
		}
		most = max(most, open)
	}
	if all != sessions || open != 0 || most > 1<<17+1 {
		t.Errorf("%d sessions, %d open at the end, at most %d", all, open, most)
	}
}
