//go:build unix

package control

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/alert"
	"github.com/lodoor/lodoor/proxy/flow"
)

// broke raises an alert at a door: its configuration was rejected.
func broke(t *testing.T, h *house) {
	t.Helper()
	_, err := h.alerts.Consume(t.Context(), flow.Batch{Now: time.Now(), Entries: []*flow.Entry{{Record: &flow.Record{
		Time: time.Now(), Event: flow.EventConfigRejected, Config: &flow.Config{Source: "door.yaml", Error: "line 3: no"},
	}}}})
	if err != nil {
		t.Fatal(err)
	}
}

func TestAlertsThroughTheSocket(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", t.TempDir())
	h := newHouse()
	broke(t, h)
	serve(t, "one", h)
	c, ctx := find(t), t.Context()

	a, err := c.Alerts(ctx)
	if err != nil || len(a.Active) != 1 || a.Active[0].Condition != alert.ConfigBroken || len(a.Silences) != 0 || !a.Learning.IsZero() {
		t.Fatalf("%+v, %v", a, err)
	}
	id := a.Active[0].ID
	s, err := c.Silence(ctx, alert.Silence{Condition: alert.ConfigBroken, Until: time.Now().Add(time.Hour), By: "ada", Why: "a try"})
	if err != nil || s.ID == "" || s.By != "ada" {
		t.Fatalf("silence %+v, %v", s, err)
	}
	if err := errors.Join(c.Ack(ctx, id[:6], "ada"), c.Learn(ctx, time.Hour)); err != nil {
		t.Fatal(err)
	}
	a, err = c.Alerts(ctx)
	if err != nil || a.Active[0].Acked != "ada" || a.Active[0].Silenced.IsZero() || len(a.Silences) != 1 || a.Silences[0].Why != "a try" ||
		time.Until(a.Learning) < 50*time.Minute {
		t.Errorf("%+v, %v", a, err)
	}
	if err := c.Unsilence(ctx, s.ID); err != nil {
		t.Error(err)
	}
	if n, err := c.Forget(ctx, "pg", ""); n != 0 || err != nil {
		t.Errorf("forgot %d, %v", n, err)
	}
	raised := len(h.raised)
	if id, err := c.TestAlert(ctx); err != nil || len(h.raised) != raised+1 || h.raised[raised].Alert.ID != id {
		t.Errorf("test %q, %v: %+v", id, err, h.raised)
	}
}

// What cannot be done is told in the door's words.
func TestAlertsThatCannotBe(t *testing.T) {
	t.Setenv("RUNTIME_DIRECTORY", t.TempDir())
	serve(t, "one", newHouse())
	c := find(t)
	for what, do := range map[string]func(context.Context) error{
		"no active alert": func(ctx context.Context) error { return c.Ack(ctx, "zz", "ada") },
		"id \"a/b\"":      func(ctx context.Context) error { return c.Unsilence(ctx, "a/b") },
		"until": func(ctx context.Context) error {
			_, err := c.Silence(ctx, alert.Silence{Service: "pg", By: "ada"})
			return err
		},
		"above 0":    func(ctx context.Context) error { return c.Learn(ctx, 0) },
		"no service": func(ctx context.Context) error { _, err := c.Forget(ctx, "", ""); return err },
	} {
		var rejected *RejectedError
		if err := do(t.Context()); !errors.As(err, &rejected) || !strings.Contains(err.Error(), what) {
			t.Errorf("expected %q, not %v", what, err)
		}
	}
	if err := c.do(t.Context(), http.MethodPost, "/v1/learning", map[string]int{"years": 7}, nil); err == nil ||
		!strings.Contains(err.Error(), `unknown field "years"`) {
		t.Error(err)
	}
}
