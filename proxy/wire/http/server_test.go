package http

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

const serverWithin = 20 * time.Second

// book is what a server saw of its requests, and answered.
type book struct {
	mu   sync.Mutex
	seen []string
}

func (b *book) note(method, target string, status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seen = append(b.seen, fmt.Sprint(method, " ", target, " ", status))
}

// serve starts a server that answers as its path says, and a relay to it.
func serve(t *testing.T) (*tapped, *book) {
	t.Helper()
	b := &book{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		sum := sha256.New()
		n, _ := io.Copy(sum, r.Body)
		status := http.StatusOK
		switch r.URL.Path {
		case "/missing":
			status = http.StatusNotFound
		case "/none":
			status = http.StatusNoContent
		}
		b.note(r.Method, r.RequestURI, status)
		w.Header().Set("Set-Cookie", "sid="+secret)
		w.WriteHeader(status)
		if status == http.StatusNoContent {
			return
		}
		fmt.Fprintf(w, "%d %x", n, sum.Sum(nil))
		if r.URL.Path == "/stream" { // chunked
			for range 10 {
				w.(http.Flusher).Flush()
				_, _ = w.Write(bytes.Repeat([]byte("s"), 5000))
			}
		}
	}))
	t.Cleanup(server.Close)
	return tap(t, server.Listener.Addr().(*net.TCPAddr).Port), b
}

// check decodes what was seen and compares it with the server's book.
func check(t *testing.T, relay *tapped, b *book) (ops []*flow.Operation) {
	t.Helper()
	var got []string
	for i, steps := range relay.sessions() {
		one, err := decode(flow.StatementsText, steps)
		if err != nil {
			t.Fatalf("session %d: %v", i, err)
		}
		other, err := decode(flow.StatementsText, bytewise(steps))
		if diff := cmp.Diff(summaries(one), summaries(other)); err != nil || diff != "" {
			t.Errorf("session %d in bytes: %v %s", i, err, diff)
		}
		var came, told uint64
		for _, st := range steps {
			came += uint64(len(st.b))
		}
		for _, op := range one {
			got = append(got, op.Name+" "+op.Text+" "+op.Status)
			if op.Unfinished {
				t.Errorf("unfinished: %s", summary(op))
			}
			told += op.FromClient + op.FromBackend
		}
		if came != told {
			t.Errorf("session %d: %d bytes in operations, %d were relayed", i, told, came)
		}
		ops = append(ops, one...)
		redactedWell(t, steps)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if diff := cmp.Diff(b.seen, got); diff != "" {
		t.Errorf("the server's book and the operations:\n%s", diff)
	}
	return ops
}

// redactedWell looks for secrets in what a redactor leaves.
func redactedWell(t *testing.T, steps []step) {
	t.Helper()
	for how, steps := range map[string][]step{"at once": steps, "byte by byte": bytewise(steps)} {
		kept, ok := redact(flow.Redaction{Authentication: true}, steps)
		if !ok {
			t.Fatalf("%s: the place was lost", how)
		}
		if at := strings.Index(kept[0]+kept[1], secret); at >= 0 {
			t.Errorf("%s: a secret was kept: %q", how, (kept[0] + kept[1])[max(0, at-80):at+20])
		}
	}
}

func TestGoClient(t *testing.T) {
	relay, b := serve(t)
	client := &http.Client{Transport: &http.Transport{DisableCompression: true, ExpectContinueTimeout: serverWithin}}
	base := fmt.Sprintf("http://127.0.0.1:%d", relay.port())
	do := func(method, target string, body io.Reader, fields ...string) {
		t.Helper()
		r, err := http.NewRequest(method, base+target, body)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", "Bearer "+secret)
		r.AddCookie(&http.Cookie{Name: "sid", Value: secret})
		for i := 0; i < len(fields); i += 2 {
			r.Header.Set(fields[i], fields[i+1])
		}
		resp, err := client.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		defer resp.Body.Close()
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			t.Fatal(err)
		}
	}
	do("GET", "/a?x=1", nil)
	do("HEAD", "/a", nil)
	do("GET", "/missing", nil)
	do("DELETE", "/none", nil)
	do("POST", "/up", strings.NewReader(strings.Repeat("b", 100_000)))
	do("PUT", "/chunked", io.MultiReader(strings.NewReader("abc"), strings.NewReader(strings.Repeat("c", 70_000)))) // of unknown length
	do("POST", "/wait", strings.NewReader("hello"), "Expect", "100-continue", "X-Api-Key", secret)
	do("GET", "/stream", nil)
	do("POST", "/login", strings.NewReader(url.Values{"user": {"al"}, "password": {secret}}.Encode()), "Content-Type", "application/x-www-form-urlencoded")
	do("POST", "/login", strings.NewReader(`{"user":"al","password":"`+secret+`"}`), "Content-Type", "application/json")
	client.CloseIdleConnections()
	ops := check(t, relay, b)
	if len(relay.sessions()) != 1 {
		t.Errorf("%d connections; keep-alive was to be tested", len(relay.sessions()))
	}
	if op := ops[0]; op.Auth != "bearer" || op.Application != "Go-http-client/1.1" || op.LastByte != 0 {
		t.Errorf("the first operation: %+v", op)
	}
}

func TestCurl(t *testing.T) {
	relay, b := serve(t)
	base := fmt.Sprintf("http://127.0.0.1:%d", relay.port())
	testkit.Run(t, "curl", "-sS", "--max-time", "20", "-u", "al:"+secret, base+"/one", base+"/two",
		"--next", "-sS", "-X", "POST", "-H", "Transfer-Encoding: chunked", "-d", "hello", base+"/three",
		"--next", "-sS", "-I", base+"/four",
		"--next", "-sS", "-0", "-H", "X-Auth-Token: "+secret, base+"/stream",
		"--next", "-sS", "-T", "/etc/passwd", "-H", "Expect: 100-continue", base+"/up")
	ops := check(t, relay, b)
	if len(ops) != 6 || ops[0].Auth != "basic" || !strings.HasPrefix(ops[0].Application, "curl/") {
		t.Errorf("operations %q", summaries(ops))
	}
}

func TestPipelined(t *testing.T) {
	relay, b := serve(t)
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", relay.port()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(serverWithin))
	const many = 100
	var all bytes.Buffer
	for i := range many {
		fmt.Fprintf(&all, "POST /p/%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", i, i, strings.Repeat("b", i))
	}
	if _, err := conn.Write(all.Bytes()); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(conn)
	for range many {
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(err)
		}
		_, err = io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if err != nil {
			t.Fatal(err)
		}
	}
	ops := check(t, relay, b)
	prints := map[uint64]bool{}
	for _, op := range ops {
		prints[op.Fingerprint] = true
	}
	if len(ops) != many || len(prints) != 1 {
		t.Errorf("%d operations of %d fingerprints", len(ops), len(prints))
	}
}

// The splitter's messages, put together, are the stream, and their bodies are what the ends saw.
func TestSplitterOnServer(t *testing.T) {
	relay, _ := serve(t)
	base := fmt.Sprintf("http://127.0.0.1:%d", relay.port())
	testkit.Run(t, "curl", "-sS", "--max-time", "20", "-H", "Transfer-Encoding: chunked", "-d", "hello", base+"/a", "--next", "-sS", "-I", base+"/b", "--next", "-sS", "-0", base+"/stream")
	var last string
	requests := 0
	for i, steps := range relay.sessions() {
		var sent, given [2]bytes.Buffer
		sp := NewSplitter(1<<20, func(dir flow.Direction, m Message) error {
			given[dir].Write(m.Raw)
			switch {
			case dir == flow.FromClient:
				requests++
				last = m.Target
			case last == "/a" && !strings.HasPrefix(string(m.Body), "5 2cf24dba"): // the SHA-256 of hello
				t.Errorf("body %q", m.Body)
			case last == "/b" && (len(m.Body) > 0 || m.Status != 200):
				t.Errorf("the answer to HEAD: %d %q", m.Status, m.Body)
			case last == "/stream" && len(m.Body) < 50_000:
				t.Errorf("a stream of %d bytes", len(m.Body))
			}
			return nil
		})
		for _, st := range steps {
			sent[st.dir].Write(st.b)
			if err := sp.Data(st.dir, st.b); err != nil {
				t.Fatal(err)
			}
		}
		for dir := range sent {
			if err := sp.End(flow.Direction(dir)); err != nil {
				t.Error(err)
			}
			if !bytes.Equal(sent[dir].Bytes(), given[dir].Bytes()) {
				t.Errorf("session %d: the messages are not the stream", i)
			}
		}
	}
	if requests != 3 {
		t.Errorf("%d requests", requests)
	}
}
