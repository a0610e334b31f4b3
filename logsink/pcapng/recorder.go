// Package pcapng records sessions in files that Wireshark opens.
//
// A relay sees bytes, not packets. What it records is the client's connection and its own to the backend as TCP would
// have carried these bytes: see docs/recording.md for what that shows and what it cannot.
package pcapng

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/policy"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
	"github.com/lodoor/lodoor/proxy/flow"
)

const defaultMemory = 32 << 20

// Config is what a Recorder is made of.
type Config struct {
	Settings
	// Standing are the services that the configuration wants recorded, and how; see [Settings.Plan].
	Standing []policy.Standing
	// Version of lodoor, for the section header.
	Version string
	// Memory is how many bytes may wait for the disk; what comes beyond is recorded as its length, or waits. 0 is 32 MiB.
	Memory int
	// Redactor makes what overwrites the secrets of a session of the service; nil, or when it answers nil, nothing is
	// overwritten.
	Redactor func(service string, what flow.Redaction) Redactor
	// Trouble is told that the recording is no longer what was asked for: the disk failed, MaxTotal is reached, an old file
	// cannot be removed. It must not call the recorder, which waits for it. Nil is nobody.
	Trouble func(error)
	// Ended is told, on the goroutine of Run, of a recording whose time was up. Nil is nobody.
	Ended func(Ended)
	// Create makes a file that must not exist yet; nil makes it on disk, readable by its owner only.
	Create func(path string) (store.Media, error)
}

// Redactor overwrites the secrets in what is recorded of one session, lengths kept. One goroutine at a time uses it; it is
// told everything in the order in which it was told to the tap.
type Redactor interface {
	// Redact overwrites b, the next bytes of the direction. False says that it does not know any more where it is: neither
	// these bytes nor what follows in the session may be kept.
	Redact(d flow.Direction, b []byte) bool
	// Skip tells of n bytes that are not kept. False is as with Redact.
	Skip(d flow.Direction, n uint64) bool
	// Answered tells that the client's last taken bytes went no further, and that lodoor itself said reply.
	Answered(taken uint64, reply []byte)
}

// Stats are counts since New.
type Stats struct {
	Sessions uint64 // that were given a tap
	Missed   uint64 // that were to be recorded and were not: no memory, no room on the disk, or the recording had failed
	Files    uint64
	Removed  uint64 // files that were removed, for their age or to make room
	Kept     uint64 // bytes of sessions that are over
	Skipped  uint64 // the same, recorded as lengths only or, after the recording stopped, not at all
	Secret   uint64 // bytes that were kept and then left out, since nobody could say whether a secret was among them
	Lost     uint64 // bytes that were kept and then lost: the disk failed, or the recording was over before they were written
	// Used are bytes of all recordings on the disk and of what waits for it, Max is the most that they may be.
	Used, Max int64
	// Waiting is the memory in use, of at most Memory bytes; with OnSlowHold it may be more.
	Waiting, Memory int64
	// Failed says that the disk failed, and that nothing is recorded until somebody asks anew.
	Failed bool
}

type counters struct{ sessions, missed, files, removed, kept, skipped, secret, lost atomic.Uint64 }

// Recorder makes taps and writes what they tell. It implements proxy.Tapper.
type Recorder struct {
	counters
	config Config
	table  policy.Table
	queue  *queue
	memory *memory
	budget *budget
	stand  standIns
	tls    atomic.Pointer[secrets] // nil: no key log
	wire   atomic.Bool             // what the configuration wants comes from a Wire
	opened opened                  // for that
	done   chan struct{}           // closed when the recorder has ended

	mu     sync.Mutex // one writer at a time
	writer *writer
	spare  []entry
	told   fullness
}

// New sees whether files can be made in the directory when there is anything to record. It does nothing else to the disk.
func New(c Config) (*Recorder, error) {
	if err := c.check(); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	r := &Recorder{memory: newMemory(int64(c.Memory)), budget: &budget{}, done: make(chan struct{})}
	r.queue = newQueue(r.budget, r.memory)
	r.writer = &writer{
		application: application(c.Version), memory: r.memory, budget: r.budget, stats: &r.counters, trouble: c.Trouble,
		current: map[track]*file{}, open: map[*file]struct{}{}, live: map[*tap]struct{}{}, paths: map[*policy.Recording][]string{},
		followers: followers{}, nowhere: map[*policy.Recording]struct{}{},
	}
	r.config = c
	if err := r.apply(&c.Settings); err != nil {
		return nil, fmt.Errorf("recording: %w", err)
	}
	r.table.SetStanding(c.Standing)
	return r, nil
}

// Wants says whether sessions of the service may be recorded.
func (r *Recorder) Wants(service string) bool { return r.table.Wants(service) }

// NeedsProcess says whether Tap has to know the peer's process of a session of the service.
func (r *Recorder) NeedsProcess(service string) bool {
	return r.table.NeedsProcess(service, time.Now())
}

// Tap begins the recording of a session. It answers nil when the session is not to be recorded, when there is no memory
// or no room for it, or when the recording has failed.
func (r *Recorder) Tap(open *flow.Record) flow.SessionTap {
	decision, wanted := r.decide(open)
	if !wanted || decision.Recording == nil && r.tapless(open) {
		return nil
	}
	t := &tap{rec: r, service: open.Service, id: open.Session, Decision: decision, tls: r.tls.Load()}
	t.hello = t.tls.hello()
	t.session.tap = t
	if open.Verdict != nil {
		t.verdict = *open.Verdict
	}
	if open.Origin != nil {
		t.origin.Store(open.Origin)
	}
	if t.Plan.Redact != (flow.Redaction{}) {
		t.redactor = r.config.Redactor(t.service, t.Plan.Redact)
	}
	t.left.Store(t.Plan.MaxPerSession)
	if t.client, t.front = plain(open.Peer.Addr), plain(open.Peer.Front); !open.Peer.Addr.IsValid() {
		t.client, t.front = r.stand.front()
	}
	if !r.begin(t, open.Time.UnixNano()) {
		r.missed.Add(1)
		signal(r.queue.some) // the writer sees whether there is room again
		return nil
	}
	if t.Recording != nil {
		t.Recording.Opened()
	}
	r.sessions.Add(1)
	return t
}

func (r *Recorder) decide(open *flow.Record) (policy.Decision, bool) {
	f := flow.Facts{Service: open.Service, Peer: *open.Peer, Sought: true, Time: open.Time}
	if open.Origin != nil {
		f.Origin = *open.Origin
	}
	return r.table.Decide(open.Service, &f, time.Now())
}

func (r *Recorder) begin(t *tap, at int64) bool {
	if !r.memory.reserve(sessionMemory) {
		return false
	}
	cost := t.charged(openCost + endCost)
	if !r.budget.takeLength(cost) {
		r.memory.release(sessionMemory)
		return false
	}
	if !r.queue.push(entry{tap: t, kind: kindOpen, at: at, cost: openCost}) {
		r.budget.settle(cost, 0)
		r.memory.release(sessionMemory)
		return false
	}
	return true
}

// Stats are the counts so far.
func (r *Recorder) Stats() Stats {
	return Stats{
		Sessions: r.sessions.Load(), Missed: r.missed.Load(), Files: r.files.Load(), Removed: r.removed.Load(),
		Kept: r.kept.Load(), Skipped: r.skipped.Load(), Secret: r.secret.Load(), Lost: r.lost.Load(),
		Used: r.budget.used.Load(), Max: r.budget.max.Load(),
		Waiting: r.memory.used.Load(), Memory: r.memory.max, Failed: r.queue.failed.Load(),
	}
}
