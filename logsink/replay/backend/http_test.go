package backend_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/replay/replaytest"
)

// shop is a service whose answers depend on what came before.
func shop(t *testing.T) int {
	t.Helper()
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/count":
			fmt.Fprint(w, n.Add(1))
		case "/chunked":
			for i := range 3 {
				fmt.Fprintf(w, "part %d\n", i)
				w.(http.Flusher).Flush()
			}
		case "/hint":
			w.Header().Set("Link", "</style.css>")
			w.WriteHeader(http.StatusEarlyHints)
			fmt.Fprint(w, "hinted")
		case "/close":
			w.Header().Set("Connection", "close")
			fmt.Fprint(w, "closed")
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		default:
			fmt.Fprintf(w, "%s %s %d %s", r.Method, r.URL, len(body), body[:min(len(body), 10)])
		}
	}))
	t.Cleanup(s.Close)
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "http://"), ":")
	p, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// browse asks the shop with a client that keeps its connection.
func browse(t *testing.T, port string) (said []string) {
	t.Helper()
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	c := &http.Client{Transport: transport}
	for _, ask := range []string{
		"GET /count", "GET /count", "GET /a?b=c%20d", "POST /a one", "POST /a two", "HEAD /a", "GET /chunked", "GET /hint",
		"GET /close", "GET /count", "GET /none", "PUT /a " + strings.Repeat("long", 5000), "GET /count",
	} {
		f := strings.SplitN(ask, " ", 3)
		r, err := http.NewRequestWithContext(t.Context(), f[0], "http://127.0.0.1:"+port+f[1], strings.NewReader(strings.Join(f[2:], "")))
		if err != nil {
			t.Fatal(err)
		}
		if f[0] == http.MethodPut {
			r.Header.Set("Expect", "100-continue")
		}
		answer, err := c.Do(r)
		if err != nil {
			t.Fatalf("%.40s: %v", ask, err)
		}
		body, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		said = append(said, fmt.Sprintf("%.40s: %d %q %v %v %v", ask, answer.StatusCode, body, err, answer.Header, answer.Trailer))
	}
	return said
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	var want []string
	a := answer(t, replaytest.Record(t, "http", shop(t), func(port string) {
		want = browse(t, port)
		testkit.Run(t, "curl", "-sS", "http://127.0.0.1:"+port+"/curl")
		testkit.Run(t, "curl", "-sS", "-H", "Transfer-Encoding: chunked", "-d", "@/etc/hostname", "http://127.0.0.1:"+port+"/upload")
	}))
	if diff := cmp.Diff(want, browse(t, a.port)); diff != "" {
		t.Errorf("the service and the recording:\n%s", diff)
	}
	testkit.Run(t, "curl", "-sS", "--fail", "http://127.0.0.1:"+a.port+"/curl")
	testkit.Run(t, "curl", "-sS", "--fail", "-d", "@/etc/hostname", "http://127.0.0.1:"+a.port+"/upload") // framed in another way
	if m := a.misses(); len(m) > 0 || a.Protocol() != "http" {
		t.Errorf("%s; not in the recording: %q", a.Protocol(), m)
	}
	out := testkit.Run(t, "curl", "-sS", "-i", "http://127.0.0.1:"+a.port+"/other", "http://127.0.0.1:"+a.port+"/curl")
	for _, want := range []string{"HTTP/1.1 501 Not Implemented", "GET /other, with this body, is not in the recording monday.pcapng", "GET /curl 0"} {
		if !strings.Contains(out, want) {
			t.Errorf("curl does not show %q:\n%s", want, out)
		}
	}
	if a.Missed() != 1 {
		t.Errorf("%d misses", a.Missed())
	}
}
