// Package pcapng records sessions in files that Wireshark opens.
//
// A relay sees bytes, not packets. What it records is the client's connection as TCP would have carried these bytes:
// see docs/recording.md for what that shows and what it cannot.
package pcapng

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	defaultMemory = 32 << 20
	// gather is how long the writer lets entries gather, and so how far a recording is behind.
	gather = 100 * time.Millisecond
	// The ports that stand for Unix-socket clients go round from firstUnixPort.
	firstUnixPort, unixFrontPort = 1024, 1
)

// Config is what a Recorder is made of.
type Config struct {
	Settings
	// Version of lodoor, for the section header.
	Version string
	// Memory is how many bytes may wait for the disk; what comes beyond is recorded as its length. 0 is 32 MiB.
	Memory int
	// Trouble is told, on the goroutine of Run, that the recording is no longer what was asked for: the disk failed
	// or MaxTotal is reached. Nil is nobody.
	Trouble func(error)
	// Create makes a file that must not exist yet; nil makes it on disk, readable by its owner only.
	Create func(path string) (File, error)
}

// Stats are counts since New.
type Stats struct {
	Sessions uint64 // that were given a tap
	Missed   uint64 // that were not recorded: no memory, no room on the disk, or the recording had stopped
	Files    uint64
	Kept     uint64 // bytes of sessions that are over
	Skipped  uint64 // the same, recorded as lengths only or, after the recording stopped, not at all
	Lost     uint64 // bytes that were kept and then lost because the disk failed
}

type counters struct{ sessions, missed, files, kept, skipped, lost atomic.Uint64 }

// Recorder makes taps and writes what they tell. It implements proxy.Recorder.
type Recorder struct {
	counters
	queue   *queue
	memory  *memory
	budget  *budget
	trouble func(error)
	unix    atomic.Uint32 // stand-ins given to Unix-socket clients
	done    chan struct{} // closed when the recording has ended

	mu     sync.Mutex // one writer at a time
	writer *writer
	spare  []entry
	told   fullness
}

// New makes the directory when it is missing, sees whether files can be made in it, and measures those that are there.
func New(c Config) (*Recorder, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	r := &Recorder{
		memory: newMemory(int64(c.Memory)), budget: &budget{max: int64(c.maxTotal())},
		trouble: c.Trouble, done: make(chan struct{}),
	}
	r.queue = newQueue(r.budget)
	r.writer = &writer{
		dir: c.Dir, application: strings.TrimSpace("lodoor " + c.Version), create: c.Create, memory: r.memory, budget: r.budget, stats: &r.counters,
		current: map[string]*file{}, open: map[*file]struct{}{},
	}
	if err := r.writer.measure(); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	return r, nil
}

// check fills in what was not set and sees whether the directory can be used.
func (c *Config) check() error {
	if c.Dir == "" {
		return errNoDir
	}
	if err := c.Validate(); err != nil {
		return err
	}
	if c.Memory == 0 {
		c.Memory = defaultMemory
	}
	if c.Create == nil {
		c.Create = createFile
	}
	if c.Trouble == nil {
		c.Trouble = func(error) {}
	}
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return err
	}
	probe, err := os.CreateTemp(c.Dir, ".lodoor-*")
	if err != nil {
		return err
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// Tap begins the recording of a session. It answers nil when there is no memory or no room for it, or when the
// recording has stopped.
func (r *Recorder) Tap(service string, id flow.SessionID, accepted time.Time, peer *flow.Peer) flow.Tap {
	t := &tap{rec: r, service: service, id: id}
	if t.client, t.front = plain(peer.Addr), plain(peer.Front); !peer.Addr.IsValid() {
		t.client, t.front = r.standIn()
	}
	if !r.begin(t, accepted.UnixNano()) {
		r.missed.Add(1)
		signal(r.queue.some) // the writer sees whether there is room again
		return nil
	}
	r.sessions.Add(1)
	return t
}

func (r *Recorder) begin(t *tap, at int64) bool {
	if !r.memory.reserve(sessionMemory) {
		return false
	}
	if !r.budget.takeLength(openCost + endCost) {
		r.memory.release(sessionMemory)
		return false
	}
	if !r.queue.push(entry{tap: t, kind: kindOpen, at: at, cost: openCost}) {
		r.budget.settle(openCost+endCost, 0)
		r.memory.release(sessionMemory)
		return false
	}
	return true
}

// standIn gives a Unix-socket client addresses that no host has (reserved by RFC 1112, 4), so that nobody takes them
// for real.
func (r *Recorder) standIn() (client, front netip.AddrPort) {
	port := firstUnixPort + (r.unix.Add(1)-1)%(1<<16-firstUnixPort)
	return netip.AddrPortFrom(netip.AddrFrom4([4]byte{240, 0, 0, 1}), uint16(port)),
		netip.AddrPortFrom(netip.AddrFrom4([4]byte{240, 0, 0, 2}), unixFrontPort)
}

func plain(a netip.AddrPort) netip.AddrPort {
	return netip.AddrPortFrom(a.Addr().Unmap().WithZone(""), a.Port())
}

// Run writes what taps tell, until ctx is done or Close is called; both end the recording, so sessions that are still
// to be recorded to their end must be over before. A failing disk is told to Config.Trouble and is no error of Run,
// since the relay goes on without a recording. The error is that of writing the rest and closing the files.
func (r *Recorder) Run(ctx context.Context) error {
	r.pass() // says at once when there is no room
	timer := time.NewTimer(gather)
	defer timer.Stop()
	for {
		select {
		case <-r.queue.some:
		case <-r.done:
			return nil
		case <-ctx.Done():
			return r.Close()
		}
		timer.Reset(gather)
		select {
		case <-r.queue.many:
		case <-timer.C:
		case <-r.done:
			return nil
		case <-ctx.Done():
			return r.Close()
		}
		r.pass()
	}
}

// pass writes what is queued and looks after the budget.
func (r *Recorder) pass() {
	r.mu.Lock()
	defer r.mu.Unlock()
	entries := r.queue.swap(r.spare)
	err := errors.Join(r.writer.write(entries), r.writer.measure())
	clear(entries)
	r.spare = entries[:0]
	if err != nil {
		r.fail(err)
		return
	}
	if full := r.budget.full.Load(); full != r.told {
		r.told = full
		if err := r.budget.trouble(full, r.writer.dir); err != nil {
			r.trouble(err)
		}
	}
}

// fail ends the recording in the open: what was written stays usable, what was not is counted.
func (r *Recorder) fail(err error) {
	r.stop()
	r.writer.drop(r.queue.swap(nil))
	_ = r.writer.close() // the cause is known; a second error says no more
	r.trouble(fmt.Errorf("recording stopped, %d bytes that were kept are lost: %w", r.lost.Load(), err))
}

// Close ends the recording: it writes what is queued and closes the files. Sessions that still run are not recorded
// any further.
func (r *Recorder) Close() error {
	r.stop()
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.writer.write(r.queue.swap(nil))
	if err = errors.Join(err, r.writer.close()); err != nil {
		return fmt.Errorf("end the recording: %w", err)
	}
	return nil
}

func (r *Recorder) stop() {
	if r.queue.close() {
		close(r.done)
	}
}

// Stats are the counts so far.
func (r *Recorder) Stats() Stats {
	return Stats{
		Sessions: r.sessions.Load(), Missed: r.missed.Load(), Files: r.files.Load(),
		Kept: r.kept.Load(), Skipped: r.skipped.Load(), Lost: r.lost.Load(),
	}
}
