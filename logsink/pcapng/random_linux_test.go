package pcapng_test

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/proxy/flow"
)

// talk is a session that was told, as it has to be found in the recording.
type talk struct {
	id   flow.SessionID
	sent [2][]byte
	// lost are the ranges that were told as lengths; none touches the next.
	lost [2][]span
	// flags are the TCP flags that the end must have set.
	flags string
}

type span struct{ from, to int }

// act tells one random event.
func (k *talk) act(t *rapid.T, tap flow.Tap, open *[2]bool) {
	d := flow.Direction(rapid.IntRange(0, 1).Draw(t, "direction"))
	n := rapid.OneOf(rapid.IntRange(1, 200), rapid.IntRange(1, 70_000), rapid.SampledFrom([]int{
		1, 32 << 10, 32<<10 + 1, 64 << 10, 65_495, 65_496, 200_000,
	})).Draw(t, "length")
	if !open[d] {
		return
	}
	from := len(k.sent[d])
	switch rapid.SampledFrom([]string{"data", "data", "data", "skip", "shut"}).Draw(t, "event") {
	case "data":
		b := pattern(uint64(from), n)
		tap.Data(d, time.Now(), b)
		k.sent[d] = append(k.sent[d], b...)
		clear(b) // it was valid during the call only
	case "skip":
		tap.Skipped(d, time.Now(), uint64(n))
		k.sent[d] = append(k.sent[d], make([]byte, n)...)
		if i := len(k.lost[d]) - 1; i >= 0 && k.lost[d][i].to == from {
			k.lost[d][i].to += n
		} else {
			k.lost[d] = append(k.lost[d], span{from, from + n})
		}
	case "shut":
		tap.Shut(d, time.Now())
		open[d] = false
	}
}

func randomTalk(t *rapid.T, r *rig) *talk {
	k := &talk{id: flow.NewSessionID(), flags: "F"}
	ends := rapid.SampledFrom([][2]string{
		{"127.0.0.1:%d", front4}, {"10.1.2.3:%d", front4}, {"[::1]:%d", front6}, {"", ""},
	}).Draw(t, "addresses")
	client := ends[0]
	if client != "" { // so few ports that some come again
		client = fmt.Sprintf(client, rapid.IntRange(40_000, 40_099).Draw(t, "port"))
	}
	tap := r.Tap("db", k.id, time.Now(), peerBetween(client, ends[1]))
	open := [2]bool{true, true}
	for range rapid.IntRange(0, 12).Draw(t, "events") {
		k.act(t, tap, &open)
	}
	o := fin()
	if reset := rapid.Bool().Draw(t, "reset"); reset {
		o.End, k.flags = flow.EndReset, "R"
		o.EndedBy = rapid.SampledFrom([]flow.Side{flow.SideClient, flow.SideBackend, flow.SideLodoor}).Draw(t, "by")
	}
	kept, skipped := tap.Done(time.Now(), o)
	if total := uint64(len(k.sent[0]) + len(k.sent[1])); kept+skipped != total || skipped != k.skipped() {
		t.Fatalf("kept %d, skipped %d; %d were told, %d of them as lengths", kept, skipped, total, k.skipped())
	}
	return k
}

func (k *talk) skipped() (n uint64) {
	for _, s := range slices.Concat(k.lost[0], k.lost[1]) {
		n += uint64(s.to - s.from)
	}
	return n
}

// Random conversations, one after the other and all in the same recordings: tshark has nothing to say against any of
// them, and finds every byte at its place.
func TestRandomConversations(t *testing.T) {
	r := newRig(t, pcapng.Config{Memory: 1 << 30})
	talks := map[string]*talk{}
	rapid.Check(t, func(rt *rapid.T) {
		k := randomTalk(rt, r)
		talks["lodoor session "+k.id.String()] = k
	})
	r.end()
	for _, path := range r.files("db") {
		streams := map[string][]row{}
		for _, row := range tshark(t, path) {
			streams[row.stream] = append(streams[row.stream], row)
		}
		for _, rows := range streams {
			k := talks[rows[0].comment]
			if k == nil {
				t.Fatalf("%s: a stream that begins with %q", path, rows[0].comment)
			}
			delete(talks, rows[0].comment)
			k.compare(t, rows)
		}
	}
	if len(talks) > 0 {
		t.Errorf("%d sessions are not in the recordings", len(talks))
	}
}

func (k *talk) compare(t *testing.T, rows []row) {
	t.Helper()
	client := rows[0].port
	var offset [2]int
	for _, r := range rows {
		d := flow.FromClient
		if r.port != client {
			d = flow.FromBackend
		}
		from, to := offset[d], offset[d]+int(r.length)
		offset[d] = to
		if to > len(k.sent[d]) {
			t.Fatalf("session %s, %v: more bytes than were sent", k.id, d)
		}
		if slices.ContainsFunc(k.lost[d], func(s span) bool { return s.from <= from && to <= s.to }) && r.length > 0 {
			if !r.sliced || len(r.payload) > 0 {
				t.Errorf("session %s, %v at %d: not sliced", k.id, d, from)
			}
			continue
		}
		if r.sliced || !bytes.Equal(r.payload, k.sent[d][from:to]) {
			t.Errorf("session %s, %v at %d: not the %d bytes that were sent", k.id, d, from, r.length)
		}
	}
	for d, n := range offset {
		if n != len(k.sent[d]) {
			t.Errorf("session %s: %d bytes in direction %d, %d were sent", k.id, n, d, len(k.sent[d]))
		}
	}
	if !slices.ContainsFunc(rows, func(r row) bool { return strings.Contains(r.flags, k.flags) }) {
		t.Errorf("session %s: no packet has %s", k.id, k.flags)
	}
}
