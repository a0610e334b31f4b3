package main

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// bulk is one client that sends much through a recording door to a backend that only reads.
type bulk struct {
	*recordingDoor
	client net.Conn
	sent   []byte
	gone   int // bytes
	server *witness
}

// openBulk starts one. Both legs of what is sent must have room in the recordings.
func openBulk(t *testing.T, dir, settings, lane string, serve func(net.Conn) error) *bulk {
	t.Helper()
	b := &bulk{sent: make([]byte, soak(100<<20, 1<<30))}
	_, _ = rand.Read(b.sent)
	b.server = witnessBehind(t, testkit.Backend(t, testkit.BackendOptions{Serve: serve}).Port())
	b.recordingDoor = openRecordingDoorIn(t, dir, b.server.port, "", "max_total: 4GiB, "+settings, lane)
	c, err := net.Dial("tcp", b.addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	b.client = c
	return b
}

func discard(c net.Conn) error {
	_, err := io.Copy(io.Discard, c)
	return err
}

// send sends up to so many bytes, and fails the test when they do not go.
func (b *bulk) send(upTo int) {
	b.t.Helper()
	_ = b.client.SetWriteDeadline(time.Now().Add(5 * time.Minute))
	n, err := b.client.Write(b.sent[b.gone:upTo])
	b.gone += n
	if err != nil {
		b.t.Fatal(err)
	}
}

// fill sends until nothing moves any more: every queue up to where somebody waits is full.
func (b *bulk) fill() {
	b.t.Helper()
	for {
		_ = b.client.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		n, err := b.client.Write(b.sent[b.gone:])
		b.gone += n
		if n == 0 {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				b.t.Fatal(err)
			}
			return
		}
	}
}

// finish sends the rest and waits for the session's end.
func (b *bulk) finish() flow.Outcome {
	b.t.Helper()
	b.send(len(b.sent))
	_ = b.client.Close()
	o := *b.await(flow.EventSessionClose, 1)[0].Outcome
	if o.FromClient != uint64(len(b.sent)) {
		b.t.Errorf("the close record tells of %d bytes, %d were sent", o.FromClient, len(b.sent))
	}
	return o
}

// same checks that what is recorded on both legs is what was sent, at the right place, and answers how many bytes of the
// front are not there.
func (b *bulk) same() (missing uint64) {
	b.t.Helper()
	recorded := exchangesOf(b.t, b.sent, b.check()...)
	for c, some := range recorded {
		if len(some) != 1 || some[0][0].size != uint64(len(b.sent)) {
			b.t.Errorf("leg %d: %d connections, %d bytes", c.leg, len(some), some[0][0].size)
		}
		if c.leg == front {
			missing = some[0][0].holes
		}
	}
	if len(recorded) != 2 {
		b.t.Errorf("%d connections are recorded", len(recorded))
	}
	if missing == 0 {
		agree(b.t, recorded, b.server)
	}
	return missing
}

// Much goes to a backend that reads nothing for a while. What waits for it is kept once, and the disk is fast.
func TestRecordStalledBackend(t *testing.T) {
	lanes(t, func(t *testing.T, lane string) {
		full := make(chan struct{})
		b := openBulk(t, t.TempDir(), "on_slow: hold", lane, func(c net.Conn) error {
			<-full
			return discard(c)
		})
		b.fill()
		close(full)
		b.finish()
		if missing := b.same(); missing != 0 {
			t.Errorf("%d bytes are not in the recording", missing)
		}
	})
}

// The disk takes nothing while all of it goes through: nobody waits for that, and what had no room in memory is there as
// its length.
func TestRecordStalledDisk(t *testing.T) {
	disk := newIcyDisk(t)
	b := openBulk(t, disk.dir+"/stalled", "", "--lane=auto", discard)
	thaw := disk.freeze()
	o := b.finish()
	thaw()
	if o.TapSkipped == 0 || o.TapKept == 0 {
		t.Errorf("%d bytes were kept and %d were not, while the disk took nothing", o.TapKept, o.TapSkipped)
	}
	if missing := b.same(); missing != o.TapSkipped {
		t.Errorf("%d bytes are not in the recording, the close record says %d", missing, o.TapSkipped)
	}
	b.found(b.files()[0], `frame.comment contains "why=\"slow_disk\""`)
}

// A disk that takes something only now and then, and nothing at the end.
func TestRecordSlowDisk(t *testing.T) {
	disk := newIcyDisk(t)
	b := openBulk(t, disk.dir+"/slow", "", "--lane=auto", discard)
	const parts = 3
	for i := range parts {
		thaw := disk.freeze()
		b.send(len(b.sent) / parts * (i + 1))
		thaw()
		b.send(b.gone + (len(b.sent)-b.gone)/parts/2)
	}
	o := b.finish()
	if missing := b.same(); missing != o.TapSkipped {
		t.Errorf("%d bytes are not in the recording, the close record says %d", missing, o.TapSkipped)
	}
}

// With on_slow: hold the session waits for the disk, and nothing is missing.
func TestRecordHold(t *testing.T) {
	disk := newIcyDisk(t)
	lanes(t, func(t *testing.T, lane string) {
		b := openBulk(t, fmt.Sprint(disk.dir, "/", strings.TrimPrefix(lane, "--")), "on_slow: hold", lane, discard)
		thaw := disk.freeze()
		b.fill()
		thaw()
		if b.gone == len(b.sent) {
			t.Error("nobody waited for the disk")
		}
		if o := b.finish(); o.TapSkipped != 0 {
			t.Errorf("%d bytes were not kept", o.TapSkipped)
		}
		if missing := b.same(); missing != 0 {
			t.Errorf("%d bytes are not in the recording", missing)
		}
	})
}
