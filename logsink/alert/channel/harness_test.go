package channel_test

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/alert/channel"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// warnings collects what deliveries warn of.
type warnings struct {
	mu   sync.Mutex
	list []string
}

func (w *warnings) add(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, err.Error())
}

// open makes the deliveries of settings that are good, without warnings.
func open(t *testing.T, s channel.Settings) ([]*channel.Delivery, *warnings) {
	t.Helper()
	var told warnings
	all, warned, err := channel.New(channel.Config{
		Settings: s, Host: flow.Host{Name: "db1", ID: "0123"}, Version: "v1", Warn: told.add,
	})
	if err != nil || len(warned) != 0 {
		t.Fatal(err, warned)
	}
	return all, &told
}

// one is open for settings of one channel.
func one(t *testing.T, s channel.Settings) (*channel.Delivery, *warnings) {
	t.Helper()
	all, told := open(t, s)
	if len(all) != 1 {
		t.Fatalf("%d deliveries", len(all))
	}
	return all[0], told
}

// lenient is one for settings that are warned of.
func lenient(t *testing.T, s channel.Settings) (*channel.Delivery, *warnings) {
	t.Helper()
	var told warnings
	all, warned, err := channel.New(channel.Config{Settings: s, Version: "v1", Warn: told.add})
	if err != nil || len(warned) != 1 || len(all) != 1 {
		t.Fatal(err, warned, len(all))
	}
	return all[0], &told
}

func alertEntry(message string) *flow.Entry {
	now := time.Now()
	return &flow.Entry{
		ID: flow.Identity{Journal: "j", Epoch: "e", Seq: 12},
		Record: &flow.Record{Event: flow.EventAlert, Time: now, Service: "pg", Alert: &flow.Alert{
			ID: "00c0ffee", Condition: "non_local_peer", Severity: flow.SeverityCritical, Zone: flow.ZoneLAN, Count: 3,
			Repeat: true, First: now, Last: now, Message: message,
			Sample: []netip.AddrPort{netip.MustParseAddrPort("198.18.0.1:4444")},
		}},
	}
}

// deliver hands alerts over as a log without a journal does.
func deliver(t *testing.T, d *channel.Delivery, entries ...*flow.Entry) {
	t.Helper()
	n, err := channel.Direct(d).Consume(context.Background(), flow.Batch{Entries: entries, Now: time.Now()})
	if err != nil || n != len(entries) {
		t.Fatalf("took %d of %d: %v", n, len(entries), err)
	}
}

// journaled are alerts as a feed of the journal has them, beginning with number 1.
func journaled(messages ...string) []journal.Entry {
	entries := make([]journal.Entry, len(messages))
	for i, m := range messages {
		e := alertEntry(m)
		entries[i] = journal.Entry{Identity: e.ID, Record: *e.Record}
		entries[i].Identity.Seq = uint64(i) + 1
	}
	return entries
}

// feed does to a destination what a feed of the journal does, until all is delivered; it returns the pauses.
func feed(t *testing.T, d journal.Destination, entries []journal.Entry) (pauses []time.Duration) {
	t.Helper()
	pause := time.Second
	for len(entries) > 0 {
		n, err := d.Deliver(t.Context(), entries)
		if err == nil && n == 0 {
			t.Fatal("nothing was delivered, and it is no error")
		}
		if entries = entries[n:]; err == nil {
			pause = time.Second
			continue
		}
		wait := pause
		var told journal.Waiter
		if errors.As(err, &told) {
			wait = max(wait, told.RetryAfter())
		}
		pauses = append(pauses, wait)
		pause = min(2*pause, time.Minute)
		select {
		case <-time.After(wait):
		case <-t.Context().Done():
			t.Fatal(t.Context().Err())
		}
	}
	return pauses
}

// secretFile is a file that only its owner can read.
func secretFile(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// hides fails when a secret is in anything that the values show.
func hides(t *testing.T, secret string, values ...any) {
	t.Helper()
	for _, v := range values {
		for _, form := range []string{"%v", "%+v", "%#v"} {
			if all := fmt.Sprintf(form, v); strings.Contains(all, secret) {
				t.Errorf("the secret is in %s", all)
			}
		}
	}
}
