package replay_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/replay"
	"github.com/lodoor/lodoor/logsink/replay/replaytest"
	"github.com/lodoor/lodoor/proxy/flow"
)

// shop is a service with a counter; price is what something costs.
func shop(t *testing.T, price int) netip.AddrPort {
	t.Helper()
	var n atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Request-Id", fmt.Sprint(r.RemoteAddr, n.Add(1)))
		body, _ := io.ReadAll(r.Body)
		switch r.URL.Path {
		case "/price/7":
			w.Header().Set("Content-Type", "application/json")
			if price%2 == 0 {
				fmt.Fprintf(w, `{"name": "apple", "prices": [{"each": %d}], "big": 12345678901234567890}`, price)
			} else {
				fmt.Fprintf(w, `{"big":12345678901234567890,"prices":[ {"each": %d} ],"name":"apple"}`, price-1)
			}
		case "/secret":
			if _, password, _ := r.BasicAuth(); password != "word" {
				w.WriteHeader(http.StatusUnauthorized)
			}
		case "/until-close":
			conn, _, _ := w.(http.Hijacker).Hijack()
			fmt.Fprint(conn, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
			conn.Close()
		default:
			w.Header().Set("X-Path", r.URL.Path)
			fmt.Fprintf(w, "%s %s %s", r.Method, r.URL, body)
		}
	}))
	t.Cleanup(s.Close)
	return netip.MustParseAddrPort(strings.TrimPrefix(s.URL, "http://"))
}

func playHTTP(t *testing.T, path string, to netip.AddrPort, header ...replay.HTTPField) *replay.Report {
	t.Helper()
	p, err := replay.NewHTTP(replay.HTTPConfig{
		To: flow.Endpoint{Host: to.Addr().String(), Port: to.Port()}, Header: header,
	})
	if err != nil {
		t.Fatal(err)
	}
	return play(t, path, p)
}

func TestHTTP(t *testing.T) {
	t.Parallel()
	path := replaytest.Record(t, "http", int(shop(t, 4).Port()), func(port string) {
		at := "http://127.0.0.1:" + port
		testkit.Run(t, "curl", "-sS", at+"/a", at+"/price/7", at+"/b?c=d", at+"/price/7")
		testkit.Run(t, "curl", "-sS", "-d", "body", at+"/post")
		testkit.Run(t, "curl", "-sS", "-I", at+"/head")
		testkit.Run(t, "curl", "-sS", at+"/until-close")
		testkit.Run(t, "curl", "-sS", "-H", "Expect: 100-continue", "-H", "Transfer-Encoding: chunked", "-d", "chunk", at+"/chunked")
		testkit.Run(t, "curl", "-sS", "-u", "me:word", at+"/secret", at+"/c")
	})
	password := replay.HTTPField{Name: "Authorization", Value: "Basic bWU6d29yZA=="}
	// Keys in another order and with other blanks are the same answer.
	for _, price := range []int{4, 5} {
		if report := playHTTP(t, path, shop(t, price), password); !report.Good() || report.Sessions != 6 || report.Questions != 10 ||
			report.Ignored["headers"] == 0 || len(report.Omitted) > 0 {
			t.Errorf("price %d: %+v\n%s", price, report, differences(report))
		}
	}
	report := playHTTP(t, path, shop(t, 6), password)
	want := "GET /price/7: the body, at .prices[0].each: 4, 6\n"
	if got := differences(report); got != want+want {
		t.Errorf("differences:\n%swant twice\n%s", got, want)
	}
	// curl sends the password to both.
	report = playHTTP(t, path, shop(t, 4))
	if !report.Good() || len(report.Omitted) != 2 || !strings.Contains(report.Omitted[0].Why, "--header 'Authorization: …'") {
		t.Errorf("without the password: %+v\n%s", report, differences(report))
	}
	report = playHTTP(t, path, shop(t, 4), replay.HTTPField{Name: "Authorization", Value: "Basic bWU6d3Jvbmc="})
	if got, want := differences(report), "GET /secret: the status: 200, 401\n"; got != want {
		t.Errorf("with another password:\n%swant\n%s", got, want)
	}
}
