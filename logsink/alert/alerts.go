package alert

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"github.com/expr-lang/expr/vm"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// Config is what alerts need.
type Config struct {
	Settings Settings
	// Append takes the alerts; it must not block. They come back as records, which are not looked at.
	Append func(flow.Record)
	// Dir is where alerts.json keeps silences, acknowledgements and learned programs; empty keeps them nowhere.
	Dir string
	// Lags, which may be nil, says about once a second how far the feeds of the journal are.
	Lags func() []journal.FeedStats
	// Ended, which may be nil, names the sinks that have failed and get no more records.
	Ended func() []string
	// Warn, which may be nil, is told when what is in Dir cannot be read or written.
	Warn func(error)
}

// Alerts is a sink that makes alerts of records. The first event of a kind is told at once, those that follow are
// counted and told from time to time. Consume is for one goroutine, the other methods may be called from any.
type Alerts struct {
	append func(flow.Record)
	warn   func(error)
	lags   func() []journal.FeedStats
	ended  func() []string
	path   string // of the state; empty is none
	inbox  inbox

	// temporary are the folders whose programs are never learned.
	temporary []string

	mu          sync.Mutex // holds for all that follows
	policy      *policy
	began       time.Time // when the first batch came
	groups      map[key]*group
	silences    []Silence
	acks        map[string]ack // of an earlier run, by the group's id
	learnUntil  time.Time
	programs    map[programKey]*Known
	bursts      *bursts
	clocks      clocks
	sinks       map[string]*lagging
	machine     vm.VM
	environment environment

	out     []flow.Record // to be appended when the lock is free
	dirty   bool          // the state on disk is older than this
	savedAt time.Time
	unsaved bool // the last attempt failed
}

// New returns Alerts. The error says what is wrong with the settings. A state that cannot be read is no error: it is
// set aside, and Warn is told.
func New(c Config) (*Alerts, error) {
	if c.Append == nil {
		return nil, errors.New("alerts: nowhere to append them to")
	}
	p, err := c.Settings.compile()
	if err != nil {
		return nil, fmt.Errorf("alerts: %w", err)
	}
	a := &Alerts{
		append: c.Append, warn: c.Warn, lags: c.Lags, ended: c.Ended, policy: p, temporary: temporaryFolders(),
		groups: map[key]*group{}, acks: map[string]ack{}, programs: map[programKey]*Known{}, bursts: newBursts(),
		clocks: clocks{boot: sinceBoot}, sinks: map[string]*lagging{}, machine: vm.VM{MemoryBudget: maxWhenMemory},
	}
	if a.warn == nil {
		a.warn = func(error) {}
	}
	if c.Dir != "" {
		a.path = filepath.Join(c.Dir, stateFile)
	}
	a.load()
	return a, nil
}

// Name is "alerts".
func (a *Alerts) Name() string { return "alerts" }

// Wants says which events may ask for attention: a condition of the configuration may be about any. Alerts themselves
// are not looked at, so that none raises another, and operations would push out what asks for attention.
func (a *Alerts) Wants(e flow.Event) bool { return looksAt(e) }

func looksAt(e flow.Event) bool {
	return e != flow.EventAlert && e != flow.EventOperation && e != flow.EventUnknown
}

// Consume looks at a batch. It never fails.
func (a *Alerts) Consume(_ context.Context, b flow.Batch) (int, error) {
	a.locked(func() {
		if a.began.IsZero() {
			a.began = b.Now
		}
		for _, entry := range b.Entries {
			a.look(entry, b.Now)
		}
		a.lookAtTroubles(b.Now)
		if b.Missed > 0 {
			a.raise(unread(b.Missed, b.Now), b.Now)
		}
		if b.Tick {
			a.tick(b.Now)
		}
		if b.Tick || b.Last {
			a.review(b.Now, b.Last)
			a.keep(b.Now, b.Last)
		}
	})
	return len(b.Entries), nil
}

// locked changes something and appends the alerts that came of it when the lock is free again: what they are appended
// to may call back.
func (a *Alerts) locked(change func()) {
	a.mu.Lock()
	change()
	out := a.out
	a.out = nil
	a.mu.Unlock()
	for _, r := range out {
		a.append(r)
	}
}
