//go:build linux

package load

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// Paced are connections as [Short] makes them, one after the other, with rests between: no storm. Each stays open for a
// while after its answer.
type Paced struct {
	// Port of 127.0.0.1.
	Port int
	// Every is the time from one call of connect to the next; what takes longer is not made up for.
	Every time.Duration
	// Stay is how long a connection is open after its answer.
	Stay time.Duration
	// For is how long connections are made; there is at least one.
	For time.Duration
}

// Run makes the connections. The first that fails ends it.
func (p Paced) Run(ctx context.Context) (Made, error) {
	// On a thread of its own, so that no other goroutine is between the kernel and the clock.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var made Made
	began := time.Now()
	for time.Since(began) < p.For || len(made.Latencies) == 0 {
		start := time.Now()
		latency, err := p.once(ctx)
		if err != nil {
			return Made{}, fmt.Errorf("paced connection %d: %w", len(made.Latencies)+1, err)
		}
		made.Latencies = append(made.Latencies, latency.Seconds())
		if err := rest(ctx, p.Every-time.Since(start)); err != nil {
			return Made{}, err
		}
	}
	made.Elapsed = time.Since(began)
	return made, nil
}

// once makes one connection, and returns the time from the call of connect to the answer.
func (p Paced) once(ctx context.Context) (time.Duration, error) {
	var answer [len(message)]byte
	began := time.Now()
	fd, err := connectPatient(2, p.Port)
	if err != nil {
		return 0, err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was lost that a close could report
	if err := exchange(fd, []byte(message), answer[:]); err != nil {
		return 0, err
	}
	took := time.Since(began)
	return took, rest(ctx, p.Stay)
}

// rest does nothing for a while; not at all for one that is over.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
