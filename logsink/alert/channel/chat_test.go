package channel_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	urlpkg "net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/alert/channel"
	"github.com/lodoor/lodoor/logsink/journal"
)

// room is a chat service that is told how to behave.
type room struct {
	*httptest.Server
	mu       sync.Mutex
	answer   http.HandlerFunc // nil takes everything
	messages []string
	asked    int
}

func serveRoom(t *testing.T, answer http.HandlerFunc) *room {
	t.Helper()
	r := &room{answer: answer}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *room) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	body, _ := io.ReadAll(req.Body)
	r.mu.Lock()
	r.asked++
	r.mu.Unlock()
	if r.answer != nil {
		r.answer(w, req)
		return
	}
	r.mu.Lock()
	r.messages = append(r.messages, string(body))
	r.mu.Unlock()
}

// requests is how often the room was asked.
func (r *room) requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.asked
}

// generic is the room's URL as shoutrrr writes it, with a secret in it.
func (r *room) generic() string { return "generic+" + r.URL + "/s3cr3t?token=s3cr3t" }

// chats are the deliveries to a file of URLs.
func chats(t *testing.T, lines ...string) ([]*channel.Delivery, *warnings) {
	t.Helper()
	file := secretFile(t, "# the team's rooms\n\n"+strings.Join(lines, "\n")+"\n")
	return open(t, channel.Settings{ChatFile: file, Timeout: 2 * time.Second})
}

func TestChat(t *testing.T) {
	a, b := serveRoom(t, nil), serveRoom(t, nil)
	all, told := chats(t, a.generic(), b.generic())
	if len(all) != 2 || all[0].Name() != "alert-chat" || all[1].Name() != "alert-chat-2" {
		t.Fatalf("%d deliveries", len(all))
	}
	deliver(t, all[0], alertEntry("pg: \u202e\nnewline"))
	deliver(t, all[1], alertEntry("two"))
	want := `lodoor on db1: CRITICAL: pg: \u202e\u000anewline`
	if fmt.Sprintf("%q %q", a.messages, b.messages) != fmt.Sprintf("[%q] [%q]", want, "lodoor on db1: CRITICAL: two") {
		t.Errorf("a got %q, b %q", a.messages, b.messages)
	}
	if len(told.list) != 0 {
		t.Errorf("warned of %q", told.list)
	}
}

// A program may be called anything. Nothing of its name pings a room, is a link or markup, at any service.
func TestChatIsNotTalkedInto(t *testing.T) {
	name := `@everyone @here <!channel> <@U024BE7LH> <users/all> <b>&lt; [safe](https://evil.example) _x`
	for service, url := range serviceURLs() {
		t.Run(service, func(t *testing.T) {
			all, told := chats(t, url)
			var sent strings.Builder
			undo := channel.SetStrict(roundTrip(func(r *http.Request) (*http.Response, error) {
				if r.Body != nil {
					_, _ = io.Copy(&sent, r.Body)
				}
				body := io.NopCloser(strings.NewReader(`{"room_id": "!ops:example.invalid"}`)) // matrix asks before it sends
				return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
			}))
			defer undo()
			if _, err := all[0].Deliver(t.Context(), journaled(name)); err != nil {
				t.Fatal(err, told.list)
			}
			text := sent.String()
			if plain, err := urlpkg.QueryUnescape(text); err == nil && !strings.HasPrefix(text, "{") {
				text = plain // a form
			}
			text = strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&").Replace(text)
			if !strings.Contains(text, "＠everyone ＠here ＜!channel＞ ＜＠U024BE7LH＞ ＜users/all＞ ＜b＞＆lt; [safe] (https") {
				t.Errorf("sent %s", text)
			}
			if strings.Contains(text, "@everyone") || strings.Contains(text, "<!") || strings.Contains(text, "](") {
				t.Errorf("sent %s", text)
			}
		})
	}
}

// Telegram refuses what it cannot parse: a mode that the URL asks for is not used.
func TestTelegramIsPlain(t *testing.T) {
	all, told := chats(t, serviceURLs()["telegram"]+"&parsemode=Markdown")
	var sent strings.Builder
	undo := channel.SetStrict(roundTrip(func(r *http.Request) (*http.Response, error) {
		_, _ = io.Copy(&sent, r.Body)
		return answer(http.StatusOK, nil)
	}))
	defer undo()
	n, err := all[0].Deliver(t.Context(), journaled("a_b"))
	if n != 1 || err != nil || !strings.Contains(sent.String(), "a_b") || strings.Contains(sent.String(), "parse_mode") {
		t.Errorf("%d are done: %v; told %q; sent %s", n, err, told.list, sent.String())
	}
}

// What a service answers decides what becomes of the alert, and no word has the URL in it.
func TestChatFails(t *testing.T) {
	for _, tc := range []struct {
		name, want string
		answer     http.HandlerFunc
		done       int
		after      time.Duration
	}{
		{"busy", "chat: it answered 429 Too Many Requests", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "17")
			http.Error(w, "s3cr3t", http.StatusTooManyRequests)
		}, 0, 17 * time.Second},
		{"broken", "chat: it answered 503 Service Unavailable", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "s3cr3t", http.StatusServiceUnavailable)
		}, 0, 0},
		{"forbidden", "chat: an alert was not delivered: it answered 403 Forbidden", func(w http.ResponseWriter, _ *http.Request) {
			http.Error(w, "s3cr3t", http.StatusForbidden)
		}, 1, 0},
		{"redirect", "chat: an alert was not delivered: it answered 302 Found; redirects are not followed",
			func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) }, 1, 0},
		{"silent", "chat: it did not answer within 2s", func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := serveRoom(t, tc.answer)
			all, told := chats(t, r.generic())
			n, err := all[0].Deliver(t.Context(), journaled("a"))
			said := strings.Join(told.list, "\n")
			if err != nil {
				said += err.Error()
			}
			if n != tc.done || !strings.HasPrefix(said, tc.want) || r.requests() != 1 {
				t.Fatalf("%d are done after %d requests: %s", n, r.requests(), said)
			}
			var waiter journal.Waiter
			if errors.As(err, &waiter) && waiter.RetryAfter() != tc.after {
				t.Errorf("wait for %v, want %v", waiter.RetryAfter(), tc.after)
			}
			hides(t, "s3cr3t", err, told.list, all[0])
			hides(t, r.Listener.Addr().String(), err, told.list)
		})
	}
}

// A service that tries again by itself makes one attempt; one that brings its own transport is watched all the same, and a
// certificate that cannot be verified is not taken, whatever the URL says.
func TestChatServicesObey(t *testing.T) {
	secure := httptest.NewUnstartedServer(http.NotFoundHandler())
	secure.Config.ErrorLog = log.New(io.Discard, "", 0)
	secure.StartTLS()
	defer secure.Close()
	host := strings.TrimPrefix(secure.URL, "https://")
	for _, url := range []string{
		"ntfy://:s3cr3t@" + host + "/topic?disabletlsverification=yes",
		"gotify://" + host + "/AzyoeNS.D4iJLVa?insecureskipverify=yes",
		"mattermost://" + host + "/s3cr3t",
		"rocketchat://" + host + "/s3cr3t/s3cr3t",
		"matrix://user:s3cr3t@" + host + "/?rooms=ops",
		"generic://" + host + "/s3cr3t",
	} {
		t.Run(url[:strings.Index(url, ":")], func(t *testing.T) {
			all, told := chats(t, url)
			n, err := all[0].Deliver(t.Context(), journaled("a"))
			if n != 0 || err == nil || !strings.Contains(err.Error(), "signed by an unknown authority") {
				t.Errorf("%d are done: %v; told %q", n, err, told.list)
			}
			hides(t, "s3cr3t", err, told.list)
		})
	}
}

// Every service makes one attempt by the guard, whatever it does by itself, and its answer is what counts.
func TestEveryService(t *testing.T) {
	urls := serviceURLs()
	for _, name := range channel.ServiceNames() {
		t.Run(name, func(t *testing.T) {
			all, told := chats(t, urls[name])
			asked := 0
			undo := channel.SetStrict(roundTrip(func(*http.Request) (*http.Response, error) {
				asked++
				return answer(http.StatusServiceUnavailable, http.Header{"Retry-After": {"20"}})
			}))
			defer undo()
			begin := time.Now()
			n, err := all[0].Deliver(t.Context(), journaled("a"))
			if n != 0 || err == nil || err.Error() != "chat: it answered 503 Service Unavailable" || asked != 1 {
				t.Fatalf("%d are done after %d requests: %v; told %q", n, asked, err, told.list)
			}
			if took := time.Since(begin); took > 10*time.Second {
				t.Errorf("took %v: it waits by itself", took)
			}
			hides(t, "s3cr3t", err, told.list)
		})
	}
}

// serviceURLs has a URL of each service.
func serviceURLs() map[string]string {
	return map[string]string{
		"discord":    "discord://s3cr3t_s3cr3t@123456789012345678",
		"generic":    "generic://example.invalid/s3cr3t",
		"googlechat": "googlechat://chat.googleapis.com/v1/spaces/s3cr3t/messages?key=s3cr3t&token=s3cr3t",
		"gotify":     "gotify://example.invalid/AzyoeNS.D4iJLVa",
		"matrix":     "matrix://:s3cr3t@example.invalid/?rooms=!ops:example.invalid",
		"mattermost": "mattermost://example.invalid/s3cr3t",
		"ntfy":       "ntfy://:s3cr3t@example.invalid/s3cr3t",
		"opsgenie":   "opsgenie://api.opsgenie.com/s3cr3t",
		"pagerduty":  "pagerduty://events.pagerduty.com/0123456789abcdef0123456789abcdef",
		"pushover":   "pushover://:s3cr3t@s3cr3t/",
		"rocketchat": "rocketchat://example.invalid/s3cr3t/s3cr3t",
		"slack":      "slack://hook:T12345678-B12345678-s3cr3ts3cr3ts3cr3ts3cr3t@webhook",
		"teams": "teams://11111111-4444-4444-8444-cccccccccccc@22222222-4444-4444-8444-cccccccccccc/" +
			"33333333012222222222333333333344/44444444-4444-4444-8444-cccccccccccc/V2s3cr3t?host=acme.webhook.office.com",
		"telegram": "telegram://110201543:AAs3cr3tqTcvCH1vGWJxfSeofSAs0K5PALDs@telegram?chats=@ops",
	}
}

// An answer that says that all is well may have a failure in it; the service's words of it are not told.
func TestChatRefusesInWords(t *testing.T) {
	all, told := chats(t, "slack://xoxb:123456789012-1234567890123-s3cr3ts3cr3ts3cr3ts3cr3t@C001CH4NN3L")
	undo := channel.SetStrict(roundTrip(func(*http.Request) (*http.Response, error) {
		body := io.NopCloser(strings.NewReader(`{"ok": false, "error": "s3cr3t"}`))
		return &http.Response{StatusCode: http.StatusOK, Body: body}, nil
	}))
	defer undo()
	n, err := all[0].Deliver(t.Context(), journaled("a"))
	want := "[chat: an alert was not delivered: the service did not take the message]"
	if n != 1 || err != nil || fmt.Sprint(told.list) != want {
		t.Errorf("%d are done: %v; told %q", n, err, told.list)
	}
}

// The end of lodoor is the end of an attempt.
func TestChatAtTheEnd(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	r := serveRoom(t, func(_ http.ResponseWriter, r *http.Request) {
		cancel()
		<-r.Context().Done()
	})
	all, told := chats(t, r.generic())
	if n, err := all[0].Deliver(ctx, journaled("a")); n != 0 || !errors.Is(err, context.Canceled) || len(told.list) != 0 {
		t.Errorf("%d are done: %v; told %q", n, err, told.list)
	}
}

// Requests of others are none of the guard's business.
func TestGuardLetsOthersPass(t *testing.T) {
	r := serveRoom(t, nil)
	chats(t, r.generic())
	resp, err := (&http.Client{}).Get(r.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if _, is := http.DefaultTransport.(*http.Transport); is || resp.StatusCode != http.StatusOK {
		t.Errorf("%s", resp.Status)
	}
}

func TestChatFile(t *testing.T) {
	for _, tc := range []struct{ text, want string }{
		{"", "has no URL in it"},
		{"# nothing\n", "has no URL in it"},
		{"s3cr3t\n", ":1: this is not a URL"},
		{"# one\n\nslack://xoxb:s3cr3t@\x7f\n", ":3: this is not a URL"},
		{"s3cr3t://token@host\n", ":1: the URL begins with no known service: expected one of discord, generic"},
		{"smtp://s3cr3t@host\n", "no known service"},
		{"logger://\n", "no known service"},
		{"slack://s3cr3t\n", ":1: the service slack does not take this URL"},
		{"telegram://s3cr3t@telegram?chats=x\n", ":1: the service telegram does not take this URL"},
		{"slack+https://s3cr3t.example/x\n", ":1: the service slack does not take this URL"},
	} {
		path := secretFile(t, tc.text)
		_, err := channel.Check(channel.Settings{ChatFile: path})
		if err == nil || !strings.HasPrefix(err.Error(), "chat_file: "+path) || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%q: got %v, want %q", tc.text, err, tc.want)
		}
		hides(t, "s3cr3t", err)
	}
	if _, err := channel.Check(channel.Settings{ChatFile: "/none"}); err == nil || !strings.HasPrefix(err.Error(), "chat_file: ") {
		t.Errorf("a file that is not there: %v", err)
	}
}
