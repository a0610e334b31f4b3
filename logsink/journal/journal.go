package journal

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Config is what a journal needs.
type Config struct {
	// Settings as a person wrote them; Dir must be a directory, see [DefaultDir].
	Settings Settings
	// Version is lodoor's, for journal.start.
	Version string
	// Host is told by journal.start, so that a journal says where it was written.
	Host flow.Host
	// Trouble is told when writing begins to fail, when records begin to be lost for it, when a segment could not be
	// begun, erased or compressed, and when the file system is short of space though nothing is left to erase. errors.Is
	// finds [ErrSpace] in it when space is what lacks. nil is nobody. It is called by who writes, Run or a Flush, and
	// must not block; it may Append.
	Trouble func(error)
	// Mended, which may be nil, is told when nothing of what Trouble was told is so any more: records of every kind are
	// written again, and space is no longer short. It is called as Trouble is.
	Mended func()
	// Own, which may be nil, gets each record that the journal wrote on its own account, after it is in the journal and
	// in the order of the records: start, recovered, the closes of a crash, rotated, pruned, gap, stop. It is called by
	// Open, by who writes, and by Close; it must not block and may Append. The record stays as it is.
	Own func(flow.Identity, *flow.Record)
	// QueueBytes and QueueRecords bound what waits to be written; 0 is 16 MiB and 65,536.
	QueueBytes, QueueRecords int
}

const (
	defaultQueueBytes   = 16 << 20
	defaultQueueRecords = 1 << 16
)

// Journal writes records to a directory. Open it, Append from any goroutine, and Run it.
type Journal struct {
	durability Durability
	id         string
	queue      *queue
	encoders   sync.Pool // of *encoder
	stats      stats
	writer     *writer
	feeds      feeds
	flushing   atomic.Bool // somebody is in a pass of Flush
}

// stats are counted by the writer and by whoever appends.
type stats struct {
	written, dropped, merged, bytes atomic.Uint64
	losing                          atomic.Bool
	lastError                       atomic.Pointer[error]
}

// Stats are counts since Open.
type Stats struct {
	// Written are the records in the file, those of the journal itself included; Bytes is their length.
	Written, Bytes uint64
	// Dropped are the records that were appended and are not in the file.
	Dropped uint64
	// Merged are the records of refused connections that are told together with others.
	Merged uint64
	// LastError is the trouble that was told last; nil while there was none.
	LastError error
	// Losing says that records are lost now since they cannot be written. Trouble is told after it has become so.
	Losing bool
}

// Open takes the directory of a journal for this process, creates it if needed, recovers what a crash has left behind
// and writes journal.start. It starts no goroutine: nothing that is appended is written until Run, or a Flush.
//
// It fails when another process writes the journal ([*TakenError]), and when the directory cannot be written.
func Open(c Config) (*Journal, error) { return open(c, openOS) }

func open(c Config, files opener) (*Journal, error) {
	dir := c.Settings.Dir
	held, err := takeDir(dir)
	if err != nil {
		return nil, err
	}
	j := &Journal{
		durability: c.Settings.Durability,
		queue: newQueue(orDefault(c.QueueBytes, defaultQueueBytes),
			orDefault(c.QueueRecords, defaultQueueRecords)),
		encoders: sync.Pool{New: func() any { return newEncoder() }},
	}
	w := newWriter(c, j, held, files)
	j.writer = w
	if err := w.start(c.Version); err != nil {
		w.abandon()
		return nil, fmt.Errorf("open journal %s: %w", dir, err)
	}
	j.id = w.id
	return j, nil
}

func orDefault(n, otherwise int) int {
	if n > 0 {
		return n
	}
	return otherwise
}

// takeDir makes the directory and takes its lock.
func takeDir(dir string) (*os.File, error) {
	if dir == "" {
		return nil, errors.New("open journal: no directory was given")
	}
	err := os.MkdirAll(dir, 0o700) // one that is there keeps its mode: it may be anybody's
	var held *os.File
	if err == nil {
		held, err = lock(dir)
	}
	if err == nil {
		return held, nil
	}
	var taken *TakenError
	if !errors.As(err, &taken) {
		return nil, fmt.Errorf("journal directory %s cannot be written: %w; name another with --journal DIR, or "+
			"--journal off", dir, err)
	}
	return nil, err
}

// TakenError says that another process writes the journal.
type TakenError struct {
	Dir string
	PID int // 0 when it cannot be told
}

func (e *TakenError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = fmt.Sprintf("process %d", e.PID)
	}
	return fmt.Sprintf("journal %s is being written by %s", e.Dir, who)
}

// ID is the journal's random id, 32 hexadecimal digits.
func (j *Journal) ID() string { return j.id }

// Dir is the journal's directory.
func (j *Journal) Dir() string { return j.writer.dir }

// Settings are those at work: with the defaults in the place of zero values, and Dir as it was given.
func (j *Journal) Settings() Settings { return j.writer.settings }

// Append takes a record, encodes it and returns; it never waits for the disk. A record without a time gets the present
// one. Nothing of r is kept.
//
// done, which may be nil, is called once: when the durability that was set is reached, or when it cannot be. That is
// on the goroutine that writes (Run's, or one that calls Flush), in the order of the records, and it must not block;
// it may append. Or it is before Append returns, when the record is not taken ([ErrFull],
// [ErrClosed]) or the durability is none. In that case the identity has only the journal's id, since the record has no
// number yet. A record that was reported lost is counted in a journal.gap; only the close of a session that was opened,
// and an alert, is written all the same, as soon as something can be. A session.refused that is told together with
// others ([Settings.RefusalsShare]) has no number of its own either, and is answered before it is in the file.
func (j *Journal) Append(r flow.Record, done func(flow.Identity, error)) { j.take(&r, done, true) }

// Add is Append by a caller who calls Flush soon: nobody is woken to write the record.
func (j *Journal) Add(r flow.Record, done func(flow.Identity, error)) { j.take(&r, done, false) }

// take encodes r and puts it into the queue. With wake the writer's goroutine is told.
func (j *Journal) take(r *flow.Record, done func(flow.Identity, error), wake bool) {
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	enc := j.encoders.Get().(*encoder)
	it := item{enc: enc, event: r.Event, session: r.Session, done: done}
	if r.Event == flow.EventSessionRefused {
		it.record = refusalOf(r)
	}
	if j.durability == DurabilityNone {
		it.done = nil
	}
	err := enc.encode(r)
	it.size = len(enc.out)
	if err == nil {
		err = j.queue.put(it, wake)
	}
	if err != nil {
		j.lose(&it, err)
	}
	if done != nil && (err != nil || j.durability == DurabilityNone) {
		done(flow.Identity{Journal: j.id}, err)
	}
}

// lose counts a record that will not be written and frees its encoder.
func (j *Journal) lose(it *item, err error) {
	if !it.own {
		j.stats.dropped.Add(1)
		j.queue.lose(it.size, err)
	}
	j.encoders.Put(it.enc)
}

// Run writes until ctx ends; then it writes what has been appended, and journal.stop, and gives the directory back.
// What is appended later is refused with ErrClosed. The error is of a record that could not be written in the end.
func (j *Journal) Run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var compressing sync.WaitGroup
	if j.writer.settings.Compress {
		compressing.Go(func() { j.compress(ctx) })
	}
	for {
		select {
		case <-ctx.Done():
			compressing.Wait() // its files are of the directory, which Close gives back
			return j.Close()
		case <-j.queue.wake:
		case <-timer.C:
		}
		timer.Reset(j.turn())
	}
}

func (j *Journal) turn() time.Duration {
	j.writer.mu.Lock()
	defer j.writer.mu.Unlock()
	return j.writer.turn(time.Now())
}

// Close does what Run does at its end. It is for a journal that is not running; Run calls it itself.
func (j *Journal) Close() error {
	j.queue.close()
	j.writer.mu.Lock()
	defer j.writer.mu.Unlock()
	if err := j.writer.stop(); err != nil {
		return fmt.Errorf("close journal %s: %w", j.writer.dir, err)
	}
	return nil
}

// Stats are counts since Open. It may be called at any time.
func (j *Journal) Stats() Stats {
	s := Stats{
		Written: j.stats.written.Load(), Dropped: j.stats.dropped.Load(), Merged: j.stats.merged.Load(),
		Bytes: j.stats.bytes.Load(), Losing: j.stats.losing.Load(),
	}
	if err := j.stats.lastError.Load(); err != nil {
		s.LastError = *err
	}
	return s
}

// randomHex returns n random bytes as hexadecimal digits.
func randomHex(n int) string {
	raw := make([]byte, n)
	_, _ = rand.Read(raw) // never fails since Go 1.24: it ends the program instead
	return hex.EncodeToString(raw)
}
