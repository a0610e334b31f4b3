package channel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/logsink"
	"github.com/lodoor/lodoor/logsink/alert/channel"
	"github.com/lodoor/lodoor/proxy/flow"
)

// hooked is a delivery to a webhook that sends by a transport of the test's.
func hooked(t *testing.T, s channel.Settings, to roundTrip) (*channel.Delivery, *warnings) {
	t.Helper()
	if s.Webhook == "" {
		s.Webhook = "https://example.invalid"
	}
	d, told := one(t, s)
	channel.SetTransport(d, to)
	return d, told
}

func TestDelivery(t *testing.T) {
	var got map[string]any
	var raw []byte
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		raw, _ = io.ReadAll(r.Body)
		if r.Method != http.MethodPost || r.URL.Path != "/hook" || r.Header.Get("Content-Type") != "application/json" ||
			r.Header.Get("User-Agent") != "lodoor/v1" {
			t.Errorf("%s %s with %v", r.Method, r.URL, r.Header)
		}
	}))
	defer s.Close()
	w, told := one(t, channel.Settings{Webhook: s.URL + "/hook"})
	e := alertEntry("pg: \u202e\u009b\U000e0041 é")
	deliver(t, w, e)
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatalf("%v in %q", err, raw)
	}
	when := e.Record.Time.UTC().Format(time.RFC3339Nano)
	expected := map[string]any{
		"text": "lodoor on db1: CRITICAL: pg: \u202e\u009b\U000e0041 é", "event": "alert",
		"id": "00c0ffee", "resolved": false, "host_id": "0123",
		"condition": "non_local_peer", "severity": "critical", "service": "pg", "zone": "lan", "count": 3.0,
		"first": when, "last": when, "repeat": true, "observed": false, "message": "pg: \u202e\u009b\U000e0041 é",
		"sample": []any{"198.18.0.1:4444"}, "host": "db1", "version": "v1",
		"identity": map[string]any{"journal": "j", "epoch": "e", "seq": 12.0},
	}
	if diff := cmp.Diff(expected, got); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(string(raw), `pg: \u202e\u009b\udb40\udc41 é`) {
		t.Errorf("what is not visible is not escaped: %q", raw)
	}
	if len(told.list) != 0 {
		t.Errorf("warned of %q", told.list)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	followed := false
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		followed = followed || r.URL.Path != "/"
		http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
	}))
	defer s.Close()
	w, told := one(t, channel.Settings{Webhook: s.URL, GiveUp: time.Nanosecond})
	deliver(t, w, alertEntry("x"))
	expected := "webhook: an alert was not delivered: it answered 307 Temporary Redirect; redirects are not followed"
	if followed || len(told.list) != 1 || told.list[0] != expected {
		t.Errorf("followed: %v; warned of %q", followed, told.list)
	}
}

// The environment names a proxy, see TestMain; alerts do not go there. 0.0.0.0 is this host too, and unlike 127.0.0.1 an
// address for which a proxy would be asked.
func TestNoProxyIsAsked(t *testing.T) {
	var got atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { got.Add(1) }))
	defer s.Close()
	w, told := lenient(t, channel.Settings{
		Webhook: strings.Replace(s.URL, "127.0.0.1", "0.0.0.0", 1), GiveUp: time.Nanosecond,
	})
	deliver(t, w, alertEntry("x"))
	if got.Load() != 1 || len(told.list) != 0 {
		t.Errorf("%d requests to the target; warned of %q", got.Load(), told.list)
	}
}

func TestEndlessAnswerIsNotRead(t *testing.T) {
	var written atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for chunk := make([]byte, 1<<16); r.Context().Err() == nil; {
			n, err := w.Write(chunk)
			written.Add(int64(n))
			if err != nil {
				return
			}
		}
	}))
	defer s.Close()
	w, told := one(t, channel.Settings{Webhook: s.URL, Timeout: 5 * time.Second})
	deliver(t, w, alertEntry("x"))
	// What is not read is at most what the sockets hold.
	if n := written.Load(); n > 64<<20 || len(told.list) != 0 {
		t.Errorf("%d bytes of the answer were taken; warned of %q", n, told.list)
	}
}

// A receiver that is there and says nothing; and one that is not there. Neither they nor TLS may name the URL.
func TestFailuresDoNotNameTheURL(t *testing.T) {
	silent := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
	}))
	defer silent.Close()
	garbage, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	defer garbage.Close()
	wg.Go(func() {
		for {
			c, err := garbage.Accept()
			if err != nil {
				return
			}
			_, _ = c.Read(make([]byte, 4096))
			_, _ = c.Write([]byte("token-s3cr3t is not HTTP\r\n\r\n"))
			_ = c.Close()
		}
	})
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0) // it tells of the handshake that fails
	secure.StartTLS()
	defer secure.Close()
	failing := roundTrip(func(r *http.Request) (*http.Response, error) {
		return nil, fmt.Errorf("lookup of %s: s3cr3t", r.URL)
	})
	unresolved := roundTrip(func(r *http.Request) (*http.Response, error) {
		return nil, &net.DNSError{Err: "no such host", Name: r.URL.Host}
	})
	gone := httptest.NewServer(nil)
	gone.Close()
	tests := []struct {
		name, url, want string
		transport       http.RoundTripper
	}{
		{"silent", silent.URL, "it did not answer within 50ms", nil},
		{"garbage", "http://" + garbage.Addr().String(), "it could not be reached, or did not answer in HTTP", nil},
		{"certificate", secure.URL, "its certificate is signed by an unknown authority", nil},
		{"no TLS", strings.Replace(silent.URL, "http:", "https:", 1), "it does not speak TLS", nil},
		{"nobody", gone.URL, "connection refused", nil},
		{"anything else", "https://s3cr3t.example", "it could not be reached", failing},
		{"name", "https://s3cr3t.example", "its host name could not be resolved", unresolved},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			timeout := time.Minute
			if test.name == "silent" {
				timeout = 50 * time.Millisecond
			}
			w, told := one(t, channel.Settings{
				Webhook: test.url + "/s3cr3t?token=s3cr3t", Timeout: timeout, GiveUp: time.Nanosecond,
			})
			if test.transport != nil {
				channel.SetTransport(w, test.transport)
			}
			deliver(t, w, alertEntry("x"))
			if len(told.list) != 1 || !strings.Contains(told.list[0], test.want) {
				t.Fatalf("warned of %q, want %q", told.list, test.want)
			}
			host := strings.TrimPrefix(strings.TrimPrefix(test.url, "https://"), "http://")
			for _, secret := range []string{"s3cr3t", host, "://"} {
				if strings.Contains(told.list[0], secret) {
					t.Errorf("%q has %q in it", told.list[0], secret)
				}
			}
		})
	}
}

type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func answer(code int, header http.Header) (*http.Response, error) {
	return &http.Response{StatusCode: code, Header: header, Body: http.NoBody}, nil
}

func TestRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var at []time.Duration
		w, told := hooked(t, channel.Settings{}, func(*http.Request) (*http.Response, error) {
			at = append(at, time.Since(begin))
			if len(at) < 5 {
				return answer(http.StatusServiceUnavailable, nil)
			}
			return answer(http.StatusNoContent, nil)
		})
		deliver(t, w, alertEntry("x"))
		if len(at) != 5 {
			t.Fatalf("%d attempts", len(at))
		}
		for i, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second} {
			if d := at[i+1] - at[i]; d < pause/2 || d > pause {
				t.Errorf("pause %d is %v, want %v to %v", i, d, pause/2, pause)
			}
		}
		if len(told.list) != 1 || told.list[0] != "webhook: it answered 503 Service Unavailable; trying again" {
			t.Errorf("warned of %q", told.list)
		}
	})
}

func TestDeadWebhookIsGivenUpAndCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dead, attempts := true, 0
		var body []byte
		w, told := hooked(t, channel.Settings{GiveUp: 10 * time.Minute}, func(r *http.Request) (*http.Response, error) {
			attempts++
			if dead {
				return nil, errors.New("dead")
			}
			body, _ = io.ReadAll(r.Body)
			return answer(http.StatusOK, nil)
		})
		begin := time.Now()
		deliver(t, w, alertEntry("a"), alertEntry("b")) // b is as old as a and gets one attempt
		if d := time.Since(begin); d < 10*time.Minute || d > 11*time.Minute {
			t.Errorf("gave up after %v", d)
		}
		if attempts < 12 || attempts > 40 {
			t.Errorf("%d attempts", attempts)
		}
		if len(told.list) != 3 { // that it fails, and each loss
			t.Errorf("warned of %q", told.list)
		}
		dead = false
		deliver(t, w, alertEntry("c"))
		if !strings.Contains(string(body), `"undelivered":2`) {
			t.Errorf("the next delivery does not say that 2 were lost: %s", body)
		}
		deliver(t, w, alertEntry("d"))
		if strings.Contains(string(body), "undelivered") {
			t.Errorf("lost alerts are told twice: %s", body)
		}
	})
}

func TestRetryAfterIsObeyedAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		after := []string{"90", "99999", ""}
		begin := time.Now()
		var at []time.Duration
		w, _ := hooked(t, channel.Settings{}, func(*http.Request) (*http.Response, error) {
			at = append(at, time.Since(begin))
			if s := after[len(at)-1]; s != "" {
				return answer(http.StatusTooManyRequests, http.Header{"Retry-After": {s}})
			}
			return answer(http.StatusOK, nil)
		})
		deliver(t, w, alertEntry("x"))
		if len(at) != 3 || at[1] != 90*time.Second || at[2] != 390*time.Second {
			t.Errorf("attempts at %v, want 0, 90s and 390s", at)
		}
	})
}

// A dead webhook holds up neither the log nor other sinks, and the end of lodoor no longer than the flush.
func TestDeadWebhookSlowsNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w, _ := hooked(t, channel.Settings{}, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		l, err := logsink.New(logsink.Config{Sinks: []logsink.Sink{channel.Direct(w)}, Queue: 8, Flush: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() { ended <- l.Run(ctx) }()
		begin := time.Now()
		for range 100 {
			l.Append(*alertEntry("x").Record, nil)
			l.Append(flow.Record{Event: flow.EventSessionOpen}, nil)
		}
		if time.Since(begin) != 0 {
			t.Errorf("200 appends took %v", time.Since(begin))
		}
		synctest.Wait()
		cancel()
		if err := <-ended; err == nil || !strings.Contains(err.Error(), "alert-webhook has not taken") {
			t.Errorf("Run said %v", err)
		}
		if d := time.Since(begin); d != time.Second {
			t.Errorf("the end took %v", d)
		}
		s := l.Stats()[0]
		if s.Delivered != 0 || s.Dropped != 100 || s.Queued != 0 || !s.Ended {
			t.Errorf("stats %+v", s)
		}
	})
}

func TestReload(t *testing.T) {
	hits := map[string]int{}
	serve := func(name string) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { hits[name]++ }))
		t.Cleanup(s.Close)
		return s
	}
	a, b := serve("a"), serve("b")
	all, told := open(t, channel.Settings{Webhook: a.URL})
	reload := func(s channel.Settings) []string {
		t.Helper()
		restart, warned, err := channel.Reload(all, s)
		if err != nil || len(warned) != 0 {
			t.Fatal(err, warned)
		}
		return restart
	}
	deliver(t, all[0], alertEntry("1"))
	restart := reload(channel.Settings{Webhook: b.URL, Command: []string{"true"}})
	if !slices.Equal(restart, []string{"alert-command"}) {
		t.Errorf("a restart is needed for %q", restart)
	}
	deliver(t, all[0], alertEntry("2"))
	if _, _, err := channel.Reload(all, channel.Settings{WebhookFile: "/none"}); err == nil {
		t.Error("a file that is not there was taken")
	}
	deliver(t, all[0], alertEntry("3")) // to b, as before
	if restart := reload(channel.Settings{}); len(restart) != 0 {
		t.Errorf("a restart is needed for %q", restart)
	}
	deliver(t, all[0], alertEntry("4"))
	reload(channel.Settings{Webhook: a.URL})
	deliver(t, all[0], alertEntry("5"))
	if hits["a"] != 2 || hits["b"] != 2 || len(told.list) != 0 {
		t.Errorf("a was asked %d times, b %d; warned of %q", hits["a"], hits["b"], told.list)
	}
}

func TestTargetFromFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "hook")
	write := func(text string, mode os.FileMode) channel.Settings {
		t.Helper()
		if err := errors.Join(os.WriteFile(path, []byte(text), mode), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return channel.Settings{WebhookFile: path}
	}
	tests := []struct {
		name, text, warning, err string
		mode                     os.FileMode
	}{
		{"first line", "  https://127.0.0.1/s3cr3t \nhttps://other/\n", "", "", 0o600},
		{"without a newline", "https://127.0.0.1/s3cr3t", "", "", 0o600},
		{"open to others", "https://127.0.0.1/s3cr3t", "can be read by others (mode 0644)", "", 0o644},
		{"not encrypted", "http://s3cr3t.example/", "http, not https", "", 0o600},
		{"empty", "\nhttps://127.0.0.1/s3cr3t", "", "the first line is empty", 0o600},
		{"no URL", "s3cr3t", "", "begins neither with https:// nor", 0o600},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			to, warned, err := write(test.text, test.mode).Target()
			if test.err != "" {
				if err == nil || !strings.Contains(err.Error(), test.err) || !strings.Contains(err.Error(), path) {
					t.Errorf("got %v, want %q and the name of the file", err, test.err)
				}
			} else if err != nil || to.IsZero() {
				t.Errorf("got %v, %v", to, err)
			}
			if all := strings.Join(warned, "\n"); !strings.Contains(all, test.warning) || test.warning == "" && all != "" {
				t.Errorf("warned of %q, want %q", all, test.warning)
			} else if all != "" && !strings.Contains(all, path) {
				t.Errorf("%q does not name the file", all)
			}
			if all := fmt.Sprintf("%v %+v %#v %s %v %v", to, to, to, to, warned, err); strings.Contains(all, "s3cr3t") {
				t.Errorf("the URL is in %s", all)
			}
		})
	}
	if to, _, err := (channel.Settings{}).Target(); err != nil || !to.IsZero() {
		t.Errorf("without a webhook: %v, %v", to, err)
	}
	if _, _, err := (channel.Settings{WebhookFile: path + "x"}).Target(); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a file that is not there: %v", err)
	}
}
