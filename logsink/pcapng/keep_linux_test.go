package pcapng_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/proxy/flow"
)

// censor is a redactor that overwrites every s, and loses its place at a ? or at the lengths that it is told to.
type censor struct {
	calls []string
	loses bool
}

func (c *censor) Redact(d flow.Direction, b []byte) bool {
	c.calls = append(c.calls, fmt.Sprintf("%v %s", d, b))
	for i := range b {
		if b[i] == 's' {
			b[i] = 'x'
		}
	}
	return !bytes.ContainsRune(b, '?')
}

func (c *censor) Skip(d flow.Direction, n uint64) bool {
	c.calls = append(c.calls, fmt.Sprintf("%v skip %d", d, n))
	return !c.loses
}

func (c *censor) Answered(taken uint64, reply []byte) {
	c.calls = append(c.calls, fmt.Sprintf("answered %d %s", taken, reply))
}

func censored(t *testing.T, s pcapng.Settings, c *censor) *rig {
	s.Redact.Authentication = true
	return newRig(t, pcapng.Config{Settings: s, Redactor: func(service string, what flow.Redaction) pcapng.Redactor {
		if service != "db" || what != (flow.Redaction{Authentication: true}) {
			t.Errorf("asked to redact %v of %s", what, service)
		}
		return c
	}})
}

// shown is what a leg has of one direction: what was kept, and of the rest how much and why.
func shown(t *testing.T, path string, leg uint32, server uint16) (out []string) {
	t.Helper()
	for _, b := range all(t, path) {
		if b.Kind != block.KindPacket || b.Packet.Interface != leg {
			continue
		}
		const headers = 40
		from := uint16(b.Packet.Data[20])<<8 | uint16(b.Packet.Data[21])
		if b.Packet.Length <= headers || b.Packet.Data[33]&2 > 0 || (from == server) != (server != 0) {
			continue
		}
		text := string(b.Packet.Data[headers:])
		for _, comment := range b.Packet.Comments {
			if c, ok := block.ParseComment(comment); ok && c.NotKept > 0 {
				text += fmt.Sprintf("(%d %s)", c.NotKept, c.Why)
			}
		}
		out = append(out, text)
	}
	return out
}

// A redactor is told everything in the order of the tap, and what it overwrites is nowhere.
func TestRedaction(t *testing.T) {
	c := &censor{}
	r := censored(t, pcapng.Settings{}, c)
	tap := r.tap("db", "127.0.0.1:40000", front4)
	tap.SessionTap.Data(flow.FromClient, time.Now(), []byte("hello ssl"))
	tap.Answered(time.Now(), 3, []byte("N"))
	tap.Written(flow.FromClient, time.Now(), 6)
	tap.Data(flow.FromBackend, time.Now(), []byte("password"))
	tap.Skipped(flow.FromBackend, time.Now(), 7)
	tap.Data(flow.FromClient, time.Now(), []byte("secret"))
	tap.Done(time.Now(), fin())
	r.end()
	want := []string{
		"from_client hello ssl", "answered 3 N", "from_backend password", "from_backend skip 7", "from_client secret",
	}
	if diff := cmp.Diff(want, c.calls); diff != "" {
		t.Errorf("calls (-want +got):\n%s", diff)
	}
	back := shown(t, r.file("db"), 1, 5432)
	if diff := cmp.Diff([]string{"paxxword", "(7 unseen)"}, back); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	for _, b := range all(t, r.file("db")) {
		if b.Kind == block.KindPacket && (bytes.Contains(b.Raw, []byte("password")) || bytes.Contains(b.Raw, []byte("secret"))) {
			t.Errorf("in the file: %q", b.Raw)
		}
	}
	tshark(t, r.file("db"))
}

// A redactor that has lost its place has the rest of the session recorded as lengths, its own bytes included.
func TestNotRedactable(t *testing.T) {
	for _, tc := range []struct {
		name string
		tell func(told)
	}{
		{"bytes", func(t told) { t.Data(flow.FromBackend, time.Now(), []byte("what?")) }},
		{"lengths", func(t told) { t.Skipped(flow.FromBackend, time.Now(), 5) }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := &censor{loses: true}
			r := censored(t, pcapng.Settings{}, c)
			tap := r.tap("db", "127.0.0.1:40000", front4)
			tap.Data(flow.FromClient, time.Now(), []byte("hello"))
			tc.tell(tap)
			tap.Data(flow.FromBackend, time.Now(), []byte("behind"))
			r.Pass()
			tap.Data(flow.FromBackend, time.Now(), []byte("later"))
			kept, skipped := tap.Done(time.Now(), fin())
			r.end()
			why := map[string]string{"bytes": "(5 not_redactable)", "lengths": "(5 unseen)"}[tc.name]
			want := []string{why, "(6 not_redactable)", "(5 not_redactable)"}
			for leg, server := range []uint16{62893, 5432} {
				if diff := cmp.Diff(want, shown(t, r.file("db"), uint32(leg), server)); diff != "" {
					t.Errorf("leg %d (-want +got):\n%s", leg, diff)
				}
			}
			if len(c.calls) != 2 || kept+skipped != 21 || r.Stats().Secret != kept-5 {
				t.Errorf("calls %q, kept %d, skipped %d, %d left out", c.calls, kept, skipped, r.Stats().Secret)
			}
		})
	}
}

// Of each packet only the beginning is kept; a redactor is shown all of it all the same.
func TestSnapPayload(t *testing.T) {
	for _, redact := range []bool{false, true} {
		t.Run(fmt.Sprint(redact), func(t *testing.T) {
			c := &censor{}
			settings := pcapng.Settings{SnapPayload: 10}
			r := newRig(t, pcapng.Config{Settings: settings})
			if redact {
				r = censored(t, settings, c)
			}
			tap := r.tap("db", "127.0.0.1:40000", front4)
			long := strings.Repeat("0123456789", 5_000)
			tap.Data(flow.FromClient, time.Now(), []byte("tiny"))
			tap.SessionTap.Data(flow.FromClient, time.Now(), []byte(long))
			tap.Written(flow.FromClient, time.Now(), 4)
			tap.Written(flow.FromClient, time.Now().Add(time.Second), 49_996)
			tap.Done(time.Now(), fin())
			r.end()
			if diff := cmp.Diff([]string{"tiny", "0123456789(49990 snap_payload)"}, shown(t, r.file("db"), 0, 0)[:2]); diff != "" {
				t.Errorf("front (-want +got):\n%s", diff)
			}
			back := []string{"tiny", "0123", "456789(49990 snap_payload)"}
			if diff := cmp.Diff(back, shown(t, r.file("db"), 1, 0)[:3]); diff != "" {
				t.Errorf("back (-want +got):\n%s", diff)
			}
			if redact && (len(c.calls) != 2 || len(c.calls[1]) < len(long)) {
				t.Errorf("the redactor saw %d calls", len(c.calls))
			}
			tshark(t, r.file("db"))
		})
	}
}

// Of each session the first bytes are kept, and of others theirs.
func TestMaxPerSession(t *testing.T) {
	r := newRig(t, pcapng.Config{Settings: pcapng.Settings{MaxPerSession: 12}})
	for i := range 2 {
		tap := r.tap("db", fmt.Sprintf("127.0.0.1:%d", 40_000+i), front4)
		for _, text := range []string{"question", "more", "and more"} {
			tap.Data(flow.FromClient, time.Now(), []byte(text))
		}
		if kept, skipped := tap.Done(time.Now(), fin()); kept != 12 || skipped != 8 {
			t.Errorf("kept %d, skipped %d; want 12 and 8", kept, skipped)
		}
	}
	r.end()
	want := []string{"question", "more", "(8 max_per_session)"}
	if diff := cmp.Diff(append(want, want...), shown(t, r.file("db"), 1, 0)); diff != "" {
		t.Errorf("back (-want +got):\n%s", diff)
	}
	tshark(t, r.file("db"))
}
