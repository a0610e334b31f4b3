package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/proxy/flow"
)

// serve runs a door until a signal or ctx ends it. load reads the configuration anew for a reload.
func (d *door) serve(
	ctx context.Context, signals <-chan os.Signal, load func() (*configs.Loaded, error), loaded *configs.Loaded,
) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	r := &reloader{door: d, load: load, started: loaded}
	reloads := make(chan reloadRequest)
	server := func() error {
		return within(func(ctx context.Context) error { return d.obeySignals(ctx, stop, signals, reloads, r) }, func() error {
			d.log.Append(flow.Record{
				Time: time.Now(), Event: flow.EventConfigLoaded,
				Config: d.configLoaded(),
			}, nil)
			return d.server.Run(ctx)
		})
	}
	// Each part ends after all that use it: the server first, then the recordings, the sinks, the journal, and what reads it
	// last.
	run := server
	if d.resolver != nil {
		run = inside(d.resolver.Run, run)
	}
	if d.socket != nil {
		commands := &controlled{door: d, reloads: reloads}
		run = inside(func(ctx context.Context) error { return control.Serve(ctx, d.socket, commands) }, run)
	}
	if d.wire != nil {
		run = inside(d.capture, run)
	}
	run = inside(d.recorder.Run, run)
	run = inside(d.operations.Run, run)
	beats := &heartbeat{beat: d.beat, append: func(r flow.Record) { d.log.Append(r, nil) }}
	run = inside(beats.run, run)
	if d.metrics != nil {
		run = inside(d.metrics.Run, run)
	}
	run = inside(d.feedSinks, run)
	if d.journal != nil {
		run = inside(d.journal.Run, run)
	}
	run = inside(d.feeds.run, run) // they read on to journal.stop
	err := run()
	if d.wire != nil {
		err = errors.Join(err, d.wire.Close())
	}
	return errors.Join(err, d.peers.Close())
}

// capture records packets. An interface that went away is told, no failure of the door.
func (d *door) capture(ctx context.Context) error {
	if err := d.wire.Run(ctx); err != nil {
		d.say.warn(err.Error())
	}
	return nil
}

// feedSinks runs the log. What a sink has not taken at the end is in the journal all the same: it is told, no failure.
func (d *door) feedSinks(ctx context.Context) error {
	if err := d.log.Run(ctx); err != nil {
		d.say.warn(err.Error())
	}
	return nil
}

// within runs outer beside inner. When inner has returned, outer is asked to end and waited for.
func within(outer func(context.Context) error, inner func() error) error {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- outer(ctx) }()
	err := inner()
	stop()
	return errors.Join(err, <-ended)
}

func inside(outer func(context.Context) error, inner func() error) func() error {
	return func() error { return within(outer, inner) }
}

// takeSignals takes the signals that obeySignals obeys, from now on: one that comes while the door is still being put
// together waits until it is open. give hands them back to the system.
func takeSignals() (signals chan os.Signal, give func()) {
	signal.Ignore(syscall.SIGPIPE) // a closed standard output is the console's affair
	signals = make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	return signals, func() { signal.Stop(signals) }
}

// obeySignals ends the server at the first SIGINT or SIGTERM, its drain at the second, and reloads at SIGHUP, until
// ctx ends.
func (d *door) obeySignals(
	ctx context.Context, stop context.CancelFunc, signals <-chan os.Signal, reloads <-chan reloadRequest, r *reloader,
) error {
	changed, err := r.watch(ctx)
	if err != nil {
		d.say.warn(err.Error())
	}
	stopping := false
	var failed error
	for {
		select {
		case <-ctx.Done():
			return errors.Join(failed, r.ended())
		case err := <-d.doomed:
			d.say.warn(err.Error())
			failed = err
			stopping = true
			stop()
		case <-changed:
			_, _ = r.reload() // it has told what went wrong
		case asked := <-reloads:
			source, err := r.reload()
			asked.answer <- reloadAnswer{source, err}
		case s := <-signals:
			switch {
			case s == syscall.SIGHUP:
				_, _ = r.reload()
			case stopping:
				d.server.Force()
			default:
				stopping = true
				d.sayDraining()
				stop()
			}
		}
	}
}

func (d *door) sayDraining() {
	n := d.server.Open()
	if n == 0 || d.config.Shutdown.Drain == 0 {
		return
	}
	d.say.info(fmt.Sprintf("waiting up to %s for %s to end; once more ends at once",
		configs.FormatDuration(d.config.Shutdown.Drain), plural(uint64(n), "session")))
}
