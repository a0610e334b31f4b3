package journal

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	batchRecords   = 1024                   // written at once, at most
	retryPause     = 250 * time.Millisecond // between attempts to write again
	gapPause       = time.Second            // between two journal.gap
	thriftGapPause = time.Minute            // the same in thrift
	retainPause    = time.Minute            // between two looks at the sizes, ages and the free space
	shortPause     = 5 * time.Second        // the same while there is too little
)

var errUnpaired = errors.New("the journal has no open record of this session, or has its close already")

// writer owns the files. Who uses it holds mu: Run's goroutine, Close, and whoever calls Flush; Open needs none.
type writer struct {
	mu       sync.Mutex
	dir      string
	settings Settings
	host     flow.Host
	trouble  func(error)
	mended   func()
	told     func(flow.Identity, *flow.Record) // gets the journal's own records
	files    opener
	held     *os.File // the lock
	journal  *Journal

	id, epoch string
	at        point // the last record that is in the journal
	file      file  // nil when no segment is being written
	current   segment
	began     time.Time // when the first record of the current segment was written
	finished  []segment // oldest first

	hash  hasher
	batch []byte
	spare []item
	crowd int // how many items the last turn found

	broken   error         // why nothing can be written now
	kept     []item        // closes and alerts that wait until something can
	erased   []flow.Record // journal.pruned that wait for the same
	retryAt  time.Time
	gapAt    time.Time
	retainAt time.Time
	rotateAt time.Time // not before, since the last time failed; zero when it did not
	avoid    time.Time // until then no Flush writes: a write was slow

	reserve  flow.Size // of the file that holds space; 0 is none
	thrift   error     // why only few records are written now: there is no space and the reserve was given up
	thriftAt time.Time // when to look for space again
	short    bool      // trouble was told that the file system is short of space
	troubled bool      // trouble was told and mended was not
	losing   bool      // records are lost since they cannot be written
	lossTold bool      // trouble was told since that began
	unpacked bool      // the last attempt to compress a segment failed
	unerased bool      // the same, to erase one

	refused      refusals
	refusedBytes int64 // of the current segment, in records of refused connections
}

func newWriter(c Config, j *Journal, held *os.File, files opener) *writer {
	return &writer{
		dir: c.Settings.Dir, settings: c.Settings, host: c.Host, trouble: c.Trouble, mended: c.Mended, told: c.Own,
		files: files, held: held, journal: j,
	}
}

// turn writes what waits, and says when to come again though nothing is appended.
func (w *writer) turn(now time.Time) time.Duration {
	if w.broken != nil && !now.Before(w.retryAt) {
		w.repair(now)
	}
	w.gather()
	items := w.journal.queue.take(w.spare)
	w.crowd = len(items)
	for chunk := range slices.Chunk(items, batchRecords) {
		w.write(chunk, now)
		w.journal.queue.written(chunk)
		w.rotateIfFull(now)
	}
	clear(items)
	w.spare = items
	return w.maintain(now)
}

// gatherTurns and gatherTime bound how long gather waits.
const (
	gatherTurns = 32
	gatherTime  = 200 * time.Microsecond
)

// gather lets those who were answered by the last sync append what follows before the next one is begun: a sync costs
// as much for one record as for all that wait. It comes to an end as soon as nobody has anything more to append.
func (w *writer) gather() {
	if w.settings.Durability != DurabilityDisk || w.crowd < 2 {
		return
	}
	begun, quiet := time.Now(), 0
	for n, turn := w.journal.queue.length(), 0; quiet < 2 && turn < gatherTurns; turn++ {
		runtime.Gosched()
		more := w.journal.queue.length()
		quiet++
		if more != n {
			n, quiet = more, 0
		}
		if time.Since(begun) > gatherTime {
			return
		}
	}
}

// write brings items into the journal, or reports them lost.
func (w *writer) write(items []item, now time.Time) {
	if w.broken != nil {
		w.drop(items, w.broken)
	} else if err := w.commit(items); err != nil {
		w.fail(items, err, now)
	} else {
		w.finish(items)
	}
	w.tellLoss()
}

// own writes records of the journal itself.
func (w *writer) own(now time.Time, records ...flow.Record) {
	w.write(w.items(records), now)
}

func (w *writer) items(records []flow.Record) []item {
	items := make([]item, 0, len(records))
	for i := range records {
		enc := w.journal.encoders.Get().(*encoder)
		if err := enc.encode(&records[i]); err == nil {
			items = append(items, item{
				enc: enc, event: records[i].Event, session: records[i].Session, size: len(enc.out), own: true,
				record: &records[i],
			})
		}
	}
	return items
}

// commit numbers, chains and writes items with one write. When that fails none of them is in the journal: the bytes
// that may be in the file are behind its size, and [writer.withdraw] takes them off before anything else is written.
func (w *writer) commit(items []item) error {
	mark, refused := w.at, w.refusedBytes
	if w.batch = w.batch[:0]; cap(w.batch) > keepBatch { // a crowd's
		w.batch = nil
	}
	for i := range items {
		items[i].fate = w.decide(&items[i])
	}
	w.journal.queue.admit(items)
	for i := range items {
		if items[i].fate == admitted {
			w.line(&items[i])
		}
	}
	if err := w.flush(); err != nil {
		w.at, w.refusedBytes = mark, refused
		w.journal.queue.undo(items)
		return err
	}
	w.journal.feeds.commit(tip{w.current.first, w.current.size, w.at.seq})
	return nil
}

// keepBatch is how much room for lines is kept from one batch to the next.
const keepBatch = 128 << 10

// line appends an item to the batch, numbered and chained.
func (w *writer) line(it *item) {
	it.seq = w.at.seq + 1
	start := len(w.batch)
	w.batch = append(w.batch, seqKey...)
	w.batch = strconv.AppendUint(w.batch, it.seq, 10)
	w.batch = append(w.batch, ',')
	w.batch = append(w.batch, it.enc.body()...)
	w.at = point{it.seq, w.hash.next(w.at.chain, w.batch[start:])}
	w.batch = append(w.batch, chainKey...)
	w.batch = hex.AppendEncode(w.batch, w.at.chain[:])
	w.batch = append(w.batch, lineEnd+"\n"...)
	if it.event == flow.EventSessionRefused {
		w.refusedBytes += int64(len(w.batch) - start)
	}
}

func (w *writer) flush() error {
	if len(w.batch) == 0 {
		return nil
	}
	begun := time.Now()
	n, err := w.file.Write(w.batch)
	if took := time.Since(begun); took >= slowWrite {
		w.avoid = begun.Add(took + slowPause)
	}
	if err == nil && n < len(w.batch) {
		err = io.ErrShortWrite
	}
	if err == nil && w.settings.Durability == DurabilityDisk {
		err = w.file.Sync()
	}
	if err != nil {
		return typed(fmt.Errorf("write journal segment %s: %w", w.current.name(), bare(err)))
	}
	w.current.size += int64(n)
	return nil
}

// bare takes the path off an error that is going to be told with a shorter one.
func bare(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}

// finish reports a batch that is in the journal.
func (w *writer) finish(items []item) {
	var written uint64
	for i := range items {
		it := &items[i]
		if it.fate != admitted {
			w.leave(it)
			continue
		}
		written++
		id := flow.Identity{Journal: w.id, Epoch: w.epoch, Seq: it.seq}
		it.finish(id, nil)
		if it.own && it.record != nil && w.told != nil {
			w.told(id, it.record)
		}
		w.journal.encoders.Put(it.enc)
	}
	w.journal.stats.written.Add(written)
	w.journal.stats.bytes.Add(uint64(len(w.batch)))
}

// leave reports an item of a batch that is not written with it.
func (w *writer) leave(it *item) {
	err := errUnpaired
	switch it.fate {
	case merged:
		w.refused.add(it.record, time.Now())
		w.journal.stats.merged.Add(1)
		it.finish(flow.Identity{Journal: w.id}, nil)
		w.journal.encoders.Put(it.enc)
		return
	case spared:
		err = w.thrift
		w.journal.queue.drop(it)
	}
	it.finish(flow.Identity{Journal: w.id}, err)
	w.losing = w.losing || it.fate == spared
	w.journal.lose(it, err)
}

// segmentAt is the segment that begins with the next record.
func (w *writer) segmentAt() segment {
	first := w.at.seq + 1
	return segment{path: filepath.Join(w.dir, segmentName(first)), first: first, mod: time.Now()}
}
