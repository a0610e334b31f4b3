package pcapng

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/policy"
)

const (
	// gather is how long the writer lets entries gather, and so how far a recording is behind.
	gather = 100 * time.Millisecond
	// lookEvery is how often the writer looks whether a recording is over, or a file to be finished, when nothing comes.
	lookEvery = time.Second
	// idleEvery is the same when nothing is being recorded, and only old files may have to go.
	idleEvery = time.Minute
)

// Run writes what taps tell, until ctx is done or Close is called; both end the recording, so sessions that are still
// to be recorded to their end must be over before. A failing disk is told to Config.Trouble and is no error of Run,
// since the relay goes on without a recording. The error is that of writing the rest and closing the files.
func (r *Recorder) Run(ctx context.Context) error {
	r.Pass() // says at once when there is no room
	timer := time.NewTimer(gather)
	defer timer.Stop()
	look := time.NewTimer(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-r.queue.some:
			timer.Reset(gather)
		case <-look.C:
			timer.Reset(0)
		case <-r.done:
			return nil
		case <-ctx.Done():
			return r.Close()
		}
		select {
		case <-r.queue.many:
		case <-timer.C:
		case <-r.done:
			return nil
		case <-ctx.Done():
			return r.Close()
		}
		look.Reset(r.lookAgain())
	}
}

// lookAgain writes what was told, and says when to look again if nothing comes.
func (r *Recorder) lookAgain() time.Duration {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pass(time.Now())
	if len(r.writer.open) == 0 && len(r.table.List()) == 0 {
		return idleEvery
	}
	return lookEvery
}

// Pass writes what was told until now. Run does it all the time.
func (r *Recorder) Pass() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.pass(time.Now())
}

// pass writes what is queued, ends what is over, and looks after the budget.
func (r *Recorder) pass(now time.Time) {
	entries := r.queue.swap(r.spare)
	waited := payload(entries)
	err := r.writer.write(entries)
	clear(entries)
	r.spare = entries[:0]
	var over []*policy.Recording
	if len(r.table.List()) > 0 {
		over = r.table.Expire(now)
	}
	err = errors.Join(err, r.writer.finish(now), r.writer.rotate(now), r.writer.tidy(now))
	if err != nil {
		r.fail(err)
	}
	r.writer.spent.giveBack(r.memory) // of sessions that were cut; all is written or given up
	r.queue.handled(waited)
	for _, ended := range r.writer.ended(over) {
		r.config.Ended(ended)
	}
	if full := r.budget.full.Load(); full != r.told {
		r.told = full
		if err := r.budget.trouble(full, r.writer.dir()); err != nil {
			r.config.Trouble(err)
		}
	}
}

func payload(entries []entry) (n int64) {
	for i := range entries {
		n += int64(entries[i].size())
	}
	return n
}

// fail ends all recordings in the open: what was written stays usable, what was not is counted, nobody waits any more.
// When somebody asks for a recording again it is tried again.
func (r *Recorder) fail(err error) {
	r.queue.fail(true)
	r.discard()
	for t := range r.writer.live {
		r.writer.cut(t)
	}
	r.discard()          // what came meanwhile
	_ = r.writer.close() // the cause is known; a second error says no more
	r.config.Trouble(fmt.Errorf("recording stopped, %d bytes that were kept are lost: %w", r.lost.Load(), err))
}

// discard gives up what is queued.
func (r *Recorder) discard() {
	entries := r.queue.swap(nil)
	waited := payload(entries)
	r.writer.drop(entries)
	r.queue.handled(waited)
}

// Close ends the recording: it writes what is queued and closes the files. Sessions that still run are not recorded
// any further.
func (r *Recorder) Close() error {
	if r.queue.close() {
		defer close(r.done)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	err := r.writer.write(r.queue.swap(nil))
	r.queue.release()
	if err = errors.Join(err, r.writer.close(), r.writer.secrets.close()); err != nil {
		return fmt.Errorf("end the recording: %w", err)
	}
	return nil
}
