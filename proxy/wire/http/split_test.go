package http

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/proxy/flow"
)

func TestSplitter(t *testing.T) {
	var got []Message
	sp := NewSplitter(1000, func(_ flow.Direction, m Message) error {
		m.Raw = nil
		got = append(got, m)
		return nil
	})
	for _, st := range []step{
		c("\nPOST /a HTTP/1.1\nExpect: 100-continue\nX-A:  b \n c\nTransfer-Encoding: chunked\n\n"), s("HTTP/1.1 100 Continue\n\n"), c("3\nabc\n2\nde\n0\nT: u\n\n"),
		s("HTTP/1.1 404 Not Here\nContent-Length: 2\n\nhi"), c("CONNECT a:1 HTTP/1.1\n\n"), s("HTTP/1.1 200 OK\n\nraw"), c("raw"),
	} {
		if err := sp.Data(st.dir, st.b); err != nil {
			t.Fatal(err)
		}
	}
	want := []Message{
		{Version: "HTTP/1.1", Status: 100, Reason: "Continue", Interim: true},
		{Version: "HTTP/1.1", Method: "POST", Target: "/a", Fields: []Field{{"expect", "100-continue"}, {"x-a", "b  c"}, {"transfer-encoding", "chunked"}}, Body: []byte("abcde"), Trailer: []Field{{"t", "u"}}},
		{Version: "HTTP/1.1", Status: 404, Reason: "Not Here", Fields: []Field{{"content-length", "2"}}, Body: []byte("hi")},
		{Version: "HTTP/1.1", Method: "CONNECT", Target: "a:1"},
		{Version: "HTTP/1.1", Status: 200, Reason: "OK", Upgrade: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSplitterBound(t *testing.T) {
	for name, st := range map[string]step{
		"a body":  c("POST / HTTP/1.1\nContent-Length: 1000000\n\n" + strings.Repeat("b", 1000)),
		"a head":  c("GET / HTTP/1.1\nA: " + strings.Repeat("b", 1000)),
		"fields":  c("GET / HTTP/1.1\n" + strings.Repeat("a:b\n", 40)),
		"a chunk": c("POST / HTTP/1.1\nTransfer-Encoding: chunked\n\nfffff\n" + strings.Repeat("b", 1000)),
	} {
		sp := NewSplitter(1000, func(flow.Direction, Message) error { return nil })
		if err := sp.Data(st.dir, st.b); err == nil || !strings.Contains(err.Error(), "a message of more than 1000 bytes") {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

func TestSplitterEnd(t *testing.T) {
	var got []Message
	sp := NewSplitter(1000, func(_ flow.Direction, m Message) error { got = append(got, m); return nil })
	for _, st := range []step{c("GET / HTTP/1.0\n\nGET"), s("HTTP/1.0 200 OK\n\nuntil the end")} {
		if err := sp.Data(st.dir, st.b); err != nil {
			t.Fatal(err)
		}
	}
	if err := sp.End(flow.FromBackend); err != nil || len(got) != 2 || string(got[1].Body) != "until the end" {
		t.Errorf("%v, %+v", err, got)
	}
	if err := sp.End(flow.FromClient); err == nil || !strings.Contains(err.Error(), "ended after 3 bytes of a message") {
		t.Errorf("error %v", err)
	}
}
