package pcapng_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/policy"
	"github.com/lodoor/lodoor/proxy/flow"
)

// late has something happen while a session is given its tap: when it was decided that it is recorded, and before the
// writer can have heard of it.
type late struct{ happens func() }

func (l *late) redactor(string, flow.Redaction) pcapng.Redactor {
	if l.happens != nil {
		l.happens()
	}
	return nil
}

func redacting() pcapng.Settings {
	return pcapng.Settings{Redact: flow.Redaction{Authentication: true}}
}

// untroubled fails the test when the recording is no longer what was asked for.
func (r *rig) untroubled() {
	r.t.Helper()
	if got := r.trouble(); len(got) > 0 || r.Stats().Failed {
		r.t.Errorf("troubles %v, stats %+v", got, r.Stats())
	}
}

// A session that was let in just before the recording was stopped comes too late for its files, which are finished. It
// gets none of its own.
func TestStopOvertakesASession(t *testing.T) {
	var l late
	r := newRig(t, pcapng.Config{Settings: redacting(), Redactor: l.redactor, Standing: []policy.Standing{}})
	plan := policy.Plan{Redact: flow.Redaction{Authentication: true}}
	if _, err := r.Start(policy.Request{Service: "db", Plan: plan}); err != nil {
		t.Fatal(err)
	}
	r.talk("db", 0)
	l.happens = func() {
		if ended, err := r.Stop("db"); err != nil || len(ended) != 1 || len(ended[0].Files) != 1 {
			t.Errorf("ended %+v, %v", ended, err)
		}
	}
	tap := r.tap("db", netipPort(1), front4)
	tap.Data(flow.FromClient, time.Now(), pattern(0, 10))
	r.Pass()
	tap.Data(flow.FromClient, time.Now(), pattern(10, 10))
	if kept, skipped := tap.Done(time.Now(), fin()); kept+skipped != 20 || skipped < 10 {
		t.Errorf("kept %d, skipped %d of a session whose recording was over", kept, skipped)
	}
	r.untroubled()
	r.end()
	if files := r.files("db"); len(files) != 1 {
		t.Errorf("files %q, want those that Stop told of", files)
	}
	if got := r.Stats(); got.Waiting != 0 || got.Used != sizeOf(t, r.dir) {
		t.Errorf("stats: %+v", got)
	}
}

// So does one that was let in for somebody who follows, and who left meanwhile.
func TestFollowerLeavesASession(t *testing.T) {
	var l late
	r := newRig(t, pcapng.Config{Settings: redacting(), Redactor: l.redactor, Standing: []policy.Standing{}})
	f := r.follows("db")
	l.happens = func() { f.end(t) }
	tap := r.tap("db", netipPort(1), front4)
	tap.Data(flow.FromClient, time.Now(), pattern(0, 10))
	r.Pass()
	tap.Done(time.Now(), fin())
	r.Pass()
	r.untroubled()
	if list, err := os.ReadDir(r.dir); err == nil && len(list) > 0 {
		t.Errorf("files %v, want none", list)
	}
	r.end()
	if got := r.Stats(); got.Waiting != 0 || got.Used != 0 {
		t.Errorf("stats: %+v", got)
	}
}

// Settings that take away what a running session needs, the directory or the ring, end its recording or leave it as it
// was begun. They are no failure.
func TestConfigureTakesAway(t *testing.T) {
	ring := pcapng.Settings{Ring: time.Minute}
	for name, c := range map[string]struct{ before, after pcapng.Settings }{
		"the directory":                        {},
		"the directory of a session in a ring": {before: ring},
		"the ring":                             {before: ring, after: pcapng.Settings{Dir: filepath.Join(t.TempDir(), "other")}},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, pcapng.Config{Settings: c.before})
			tap := r.tap("db", netipPort(0), front4)
			tap.Data(flow.FromClient, time.Now(), pattern(0, 10))
			r.Pass()
			if err := r.Configure(c.after, nil); err != nil {
				t.Fatal(err)
			}
			tap.Data(flow.FromClient, time.Now(), pattern(10, 10))
			r.Pass()
			if kept, skipped := tap.Done(time.Now(), fin()); kept+skipped != 20 {
				t.Errorf("kept %d, skipped %d, want 20 together", kept, skipped)
			}
			r.untroubled()
			r.end()
			if got := r.Stats(); got.Waiting != 0 {
				t.Errorf("stats: %+v", got)
			}
		})
	}
}

// What is in memory, or for somebody who follows, takes no room on the disk: it goes on when there is none.
func TestNoRoomIsNeeded(t *testing.T) {
	r := newRig(t, pcapng.Config{Settings: pcapng.Settings{MaxTotal: flow.MiB}, Standing: standing("db")})
	if err := os.WriteFile(filepath.Join(r.dir, "other.pcapng"), make([]byte, flow.MiB), 0o600); err != nil {
		t.Fatal(err)
	}
	testkit.Wait(t, "the recorder to see that the directory is full", func() bool {
		r.Pass()
		return len(r.trouble()) > 0
	}, 10*time.Second)
	if r.Tap(opening("db", netipPort(0), front4)) != nil {
		t.Error("a tap for which there is no room")
	}
	f := r.follows("chat")
	r.talk("chat", 1)
	r.Pass()
	if n := len(tshark(t, f.end(t))); n != 18 {
		t.Errorf("%d packets, want 18", n)
	}
}

// slow is a reader that takes nothing but the head until it may.
type slow struct {
	reading
	may <-chan struct{}
}

func (s *slow) Write(b []byte) (int, error) {
	if len(s.bytes()) > 0 {
		<-s.may
	}
	return s.reading.Write(b)
}

// Those who follow until the recorder ends are told everything, also when they are behind then.
func TestFollowToTheEnd(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	may := make(chan struct{})
	all := make([]*slow, 16)
	for i := range all {
		f := &slow{may: may}
		f.over = make(chan error, 1)
		go func() { f.over <- r.Follow(t.Context(), "db", f) }()
		testkit.Wait(t, "the file's head", func() bool { return len(f.bytes()) > 0 }, 10*time.Second)
		all[i] = f
	}
	for i := range 10 {
		r.talk("db", i)
		r.Pass()
	}
	r.end()
	close(may)
	want := len(read(t, r.file("db")))
	for _, f := range all {
		f.stop = func() {}
		if got := len(read(t, f.end(t))); got != want {
			t.Errorf("%d packets, want the %d of the file", got, want)
		}
	}
}

// The file of a service that the configuration does not want any more is finished with the last session in it.
func TestServiceIsNoLongerWanted(t *testing.T) {
	r := newRig(t, pcapng.Config{Standing: standing("db", "chat")})
	r.talk("chat", 0)
	tap := r.tap("db", netipPort(1), front4)
	r.Pass()
	if err := r.Configure(pcapng.Settings{Dir: r.dir}, nil); err != nil {
		t.Fatal(err)
	}
	if n := len(read(t, r.file("chat"))); n != 18 {
		t.Errorf("%d packets, want 18", n)
	}
	if files := r.files("db"); len(files) > 0 {
		t.Errorf("files %q, want none while the session runs", files)
	}
	tap.Data(flow.FromClient, time.Now(), pattern(0, 10))
	tap.Done(time.Now(), fin())
	r.Pass()
	if n := len(read(t, r.file("db"))); n != 16 {
		t.Errorf("%d packets, want 16", n)
	}
}
