package channel_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodoor/lodoor/logsink/alert/channel"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// receiver is a webhook's other end in a bubble of synctest.
type receiver struct {
	answers  func() (*http.Response, error)
	messages []string
	last     map[string]any
	asked    int
}

func (r *receiver) take(req *http.Request) (*http.Response, error) {
	r.asked++
	resp, err := r.answers()
	if err == nil && resp.StatusCode == http.StatusOK {
		body, _ := io.ReadAll(req.Body)
		r.last = nil
		if err := json.Unmarshal(body, &r.last); err != nil {
			return nil, err
		}
		r.messages = append(r.messages, r.last["message"].(string))
	}
	return resp, err
}

// The webhook is away for an hour: each alert is delivered after it, once, in order.
func TestOutageOfAnHour(t *testing.T) {
	var want []string
	for i := range 40 {
		want = append(want, fmt.Sprintf("alert %d", i))
	}
	for name, run := range map[string]func(*testing.T, *channel.Delivery){
		"journal": func(t *testing.T, d *channel.Delivery) { feed(t, d, journaled(want...)) },
		"memory": func(t *testing.T, d *channel.Delivery) {
			var entries []*flow.Entry
			for _, m := range want {
				entries = append(entries, alertEntry(m))
			}
			deliver(t, d, entries...)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				begin := time.Now()
				r := &receiver{answers: func() (*http.Response, error) {
					if time.Since(begin) < time.Hour {
						return nil, errors.New("away")
					}
					return answer(http.StatusOK, nil)
				}}
				d, told := hooked(t, channel.Settings{}, r.take)
				run(t, d)
				if !slices.Equal(r.messages, want) || d.Lost() != 0 {
					t.Errorf("got %q, %d lost", r.messages, d.Lost())
				}
				if late := time.Since(begin) - time.Hour; late > 2*time.Minute {
					t.Errorf("delivered %v after the outage", late)
				}
				if name == "memory" && len(told.list) != 1 || name == "journal" && len(told.list) != 0 {
					t.Errorf("warned of %q", told.list)
				}
			})
		})
	}
}

func TestDeliverOneAtATime(t *testing.T) {
	r := &receiver{answers: func() (*http.Response, error) { return answer(http.StatusOK, nil) }}
	d, _ := hooked(t, channel.Settings{}, r.take)
	entries := journaled("a", "b", "c", "d")
	entries[0].Record.Alert.Silenced = true
	entries[3].Record.Alert.Silenced = true
	for _, want := range []int{2, 1, 1} {
		n, err := d.Deliver(t.Context(), entries)
		if err != nil || n != want {
			t.Fatalf("%d are done, want %d: %v", n, want, err)
		}
		entries = entries[n:]
	}
	if !slices.Equal(r.messages, []string{"b", "c"}) {
		t.Errorf("got %q", r.messages)
	}
	if !d.Wants(flow.EventAlert) || d.Wants(flow.EventSessionOpen) || d.Name() != "alert-webhook" {
		t.Errorf("%s does not want what it should", d.Name())
	}
}

// A refusal is told once, counted as done, and told to the receiver with the next alert.
func TestRefusalIsDone(t *testing.T) {
	codes := []int{http.StatusForbidden, http.StatusOK, http.StatusOK}
	r := &receiver{}
	r.answers = func() (*http.Response, error) { return answer(codes[r.asked-1], nil) }
	d, told := hooked(t, channel.Settings{}, r.take)
	entries := journaled("a", "b", "c")
	for i := range entries {
		if n, err := d.Deliver(t.Context(), entries[i:]); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		if undelivered := r.last["undelivered"]; i == 1 && undelivered != 1.0 || i == 2 && undelivered != nil {
			t.Errorf("undelivered is %v", undelivered)
		}
	}
	want := []string{"webhook: an alert was not delivered: it answered 403 Forbidden"}
	if !slices.Equal(told.list, want) || d.Lost() != 1 || !slices.Equal(r.messages, []string{"b", "c"}) {
		t.Errorf("told %q, lost %d, received %q", told.list, d.Lost(), r.messages)
	}
}

func TestWhatMayPassIsAnError(t *testing.T) {
	for code, after := range map[int]string{
		http.StatusRequestTimeout: "", http.StatusTooEarly: "7", http.StatusTooManyRequests: "30",
		http.StatusInternalServerError: "", http.StatusServiceUnavailable: "9",
	} {
		d, told := hooked(t, channel.Settings{}, func(*http.Request) (*http.Response, error) {
			return answer(code, http.Header{"Retry-After": {after}})
		})
		n, err := d.Deliver(t.Context(), journaled("a"))
		if n != 0 || err == nil || !strings.HasPrefix(err.Error(), "webhook: it answered") || len(told.list) != 0 {
			t.Errorf("%d: %d are done, %v, told %q", code, n, err, told.list)
		}
		var waiter journal.Waiter
		if !errors.As(err, &waiter) {
			t.Fatalf("%d: %T says nothing of waiting", code, err)
		}
		if got := waiter.RetryAfter(); after == "" && got != 0 || after != "" && got.String() != after+"s" {
			t.Errorf("%d: wait for %v, want %q seconds", code, got, after)
		}
	}
}

// What was raised while lodoor was off has all the time again; what is older than give_up is lost, and told.
func TestGiveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := journaled("from before")
		<-time.After(48 * time.Hour)
		r := &receiver{answers: func() (*http.Response, error) { return nil, errors.New("away") }}
		d, told := hooked(t, channel.Settings{GiveUp: time.Hour}, r.take)
		begin := time.Now()
		feed(t, d, append(old, journaled("from now")...))
		if waited := time.Since(begin); waited < time.Hour || waited > time.Hour+time.Minute {
			t.Errorf("gave up after %v", waited)
		}
		if len(told.list) != 2 || d.Lost() != 2 {
			t.Errorf("told %q, lost %d", told.list, d.Lost())
		}
	})
}

// When lodoor ends, the attempt does, and the alert comes again.
func TestEndOfAnAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, told := hooked(t, channel.Settings{Timeout: time.Hour, GiveUp: time.Nanosecond}, func(r *http.Request) (*http.Response, error) {
			<-r.Context().Done()
			return nil, r.Context().Err()
		})
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begin := time.Now()
		n, err := d.Deliver(ctx, journaled("a"))
		if n != 0 || !errors.Is(err, context.DeadlineExceeded) || time.Since(begin) != time.Second || len(told.list) != 0 {
			t.Errorf("%d are done after %v: %v; told %q", n, time.Since(begin), err, told.list)
		}
	})
}

func TestWhatAnAlertSays(t *testing.T) {
	r := &receiver{answers: func() (*http.Response, error) { return answer(http.StatusOK, nil) }}
	d, _ := hooked(t, channel.Settings{}, r.take)
	e := alertEntry("pg: the backend is back")
	a := e.Record.Alert
	a.Resolved, a.Forwarder, a.Program = true, "sshd", "/usr/bin/psql"
	a.By = []flow.Label{{Name: "user.name", Value: "ann"}}
	deliver(t, d, e)
	for name, want := range map[string]any{
		"text": "RESOLVED: lodoor on db1: pg: the backend is back", "message": "RESOLVED: pg: the backend is back",
		"resolved": true, "forwarder": "sshd", "program": "/usr/bin/psql", "host": "db1", "host_id": "0123",
	} {
		if r.last[name] != want {
			t.Errorf("%s is %v, want %v", name, r.last[name], want)
		}
	}
	if by := fmt.Sprint(r.last["by"]); by != "[map[name:user.name value:ann]]" {
		t.Errorf("by is %s", by)
	}
	a.Message = "RESOLVED: pg: the backend is back" // the engine may say it too
	deliver(t, d, e)
	if r.last["message"] != a.Message || strings.Count(r.last["text"].(string), "RESOLVED") != 1 {
		t.Errorf("%v, %v", r.last["message"], r.last["text"])
	}
}
