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
	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/proxy/flow"
)

// talk is a session that was told, as it has to be found in the recording.
type talk struct {
	id   flow.SessionID
	sent [2][]byte
	// written is how much of it reached the other side.
	written [2]int
	// lost are the ranges that were told as lengths; none touches the next.
	lost [2][]span
	// flags are the TCP flags that the end must have set.
	flags string
	pipe  *lanePipe
}

type span struct{ from, to int }

// act tells one random event.
func (k *talk) act(t *rapid.T, tap flow.SessionTap, open *[2]bool) {
	d := flow.Direction(rapid.IntRange(0, 1).Draw(t, "direction"))
	n := rapid.OneOf(rapid.IntRange(1, 200), rapid.IntRange(1, 70_000), rapid.SampledFrom([]int{
		1, 32 << 10, 32<<10 + 1, 64 << 10, 65_495, 65_496, 200_000,
	})).Draw(t, "length")
	if !open[d] {
		return
	}
	from := len(k.sent[d])
	switch rapid.SampledFrom([]string{"data", "data", "piped", "skip", "shut"}).Draw(t, "event") {
	case "piped":
		b := pattern(uint64(from), n)
		k.pipe.pass(tap, d, b)
		k.sent[d] = append(k.sent[d], b...)
		k.write(t, tap, d)
	case "data":
		b := pattern(uint64(from), n)
		tap.Data(d, time.Now(), b)
		k.sent[d] = append(k.sent[d], b...)
		clear(b) // it was valid during the call only
		k.write(t, tap, d)
	case "skip":
		k.flush(tap, d)
		k.written[d] += n
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

// write tells that what was told was written: at once, in pieces, or in part so that the rest waits.
func (k *talk) write(t *rapid.T, tap flow.SessionTap, d flow.Direction) {
	for len(k.sent[d]) > k.written[d] {
		n := len(k.sent[d]) - k.written[d]
		switch rapid.SampledFrom([]string{"all", "all", "some", "later"}).Draw(t, "write") {
		case "some":
			n = rapid.IntRange(1, n).Draw(t, "written")
		case "later":
			return
		}
		tap.Written(d, time.Now(), uint64(n))
		k.written[d] += n
	}
}

// flush tells that everything was written.
func (k *talk) flush(tap flow.SessionTap, d flow.Direction) {
	if n := len(k.sent[d]) - k.written[d]; n > 0 {
		tap.Written(d, time.Now(), uint64(n))
		k.written[d] += n
	}
}

func randomTalk(t *rapid.T, r *rig, p *lanePipe) *talk {
	k := &talk{id: flow.NewSessionID(), flags: "F", pipe: p}
	ends := rapid.SampledFrom([][2]string{
		{"127.0.0.1:%d", front4}, {"10.1.2.3:%d", front4}, {"[::1]:%d", front6}, {"", ""},
	}).Draw(t, "addresses")
	client := ends[0]
	if client != "" { // so few ports that some come again
		client = fmt.Sprintf(client, rapid.IntRange(40_000, 40_099).Draw(t, "port"))
	}
	o := opening("db", client, ends[1])
	o.Session = k.id
	tap := r.open(o).SessionTap
	open := [2]bool{true, true}
	for range rapid.IntRange(0, 12).Draw(t, "events") {
		k.act(t, tap, &open)
	}
	end := fin()
	if reset := rapid.Bool().Draw(t, "reset"); reset {
		end.End, k.flags = flow.EndReset, "R"
		end.EndedBy = rapid.SampledFrom([]flow.Side{flow.SideClient, flow.SideBackend, flow.SideLodoor}).Draw(t, "by")
	}
	if end.End == flow.EndFIN { // which comes behind everything
		k.flush(tap, flow.FromClient)
		k.flush(tap, flow.FromBackend)
	}
	kept, skipped := tap.Done(time.Now(), end)
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
	talks, pipe := map[string]*talk{}, newLanePipe(t)
	rapid.Check(t, func(rt *rapid.T) {
		k := randomTalk(rt, r, pipe)
		talks[k.id.String()] = k
	})
	r.end()
	found := 0
	for _, path := range r.files("db") {
		streams := map[string][]row{}
		for _, row := range tshark(t, path) {
			streams[row.stream] = append(streams[row.stream], row)
		}
		for _, rows := range streams {
			c, ok := block.ParseComment(rows[0].comment)
			k := talks[c.Session]
			if !ok || k == nil {
				t.Fatalf("%s: a stream that begins with %q", path, rows[0].comment)
			}
			found++
			k.compare(t, rows)
		}
	}
	if found != 2*len(talks) {
		t.Errorf("%d legs of %d sessions are in the recordings", found, len(talks))
	}
}

// compare looks at one leg: what was read where it was read, and what was written of it on the other.
func (k *talk) compare(t *testing.T, rows []row) {
	t.Helper()
	client := rows[0].port
	want := [2]int{len(k.sent[0]), k.written[1]}
	if rows[0].leg == "1" {
		want = [2]int{k.written[0], len(k.sent[1])}
	}
	var offset [2]int
	for _, r := range rows {
		d := flow.FromClient
		if r.port != client {
			d = flow.FromBackend
		}
		from, to := offset[d], offset[d]+int(r.length)
		offset[d] = to
		if to > want[d] {
			t.Fatalf("session %s, %v: more bytes than were sent", k.id, d)
		}
		if r.length == 0 {
			continue
		}
		if slices.ContainsFunc(k.lost[d], func(s span) bool { return s.from <= from && to <= s.to }) {
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
		if n != want[d] {
			t.Errorf("session %s, leg %s: %d bytes in direction %d, want %d", k.id, rows[0].leg, n, d, want[d])
		}
	}
	if !slices.ContainsFunc(rows, func(r row) bool { return strings.Contains(r.flags, k.flags) }) {
		t.Errorf("session %s: no packet has %s", k.id, k.flags)
	}
}
