package coverage_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lodoor/lodoor/logsink/coverage"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// write writes a run of lodoor into a journal, and calls meanwhile before it ends.
func write(t *testing.T, dir string, meanwhile func(), records ...flow.Record) {
	t.Helper()
	j, err := journal.Open(journal.Config{Settings: journal.Settings{Dir: dir, KeepFree: 1}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- j.Run(ctx) }()
	written := make(chan error, len(records))
	for _, r := range records {
		j.Append(r, func(_ flow.Identity, err error) { written <- err })
	}
	for range records {
		if err := <-written; err != nil {
			t.Error(err)
		}
	}
	meanwhile()
	stop()
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}

// served is the configuration of now.
func served(services ...string) flow.Record {
	return flow.Record{Event: flow.EventConfigLoaded, Config: &flow.Config{Hash: "h", Source: "flags", Services: services}}
}

func TestRead(t *testing.T) {
	dir := t.TempDir()
	begun := time.Now()
	write(t, dir, func() {
		r, err := coverage.Read(dir, coverage.Question{Now: time.Now()})
		if err != nil || !r.Covered || !r.Verify.OK || !r.Verify.Running || len(r.Services) != 1 || r.Dir != dir {
			t.Errorf("while it is written: %+v, %v", r, err)
		}
	}, served("pg"))
	ended := time.Now()
	write(t, dir, func() {
		r, err := coverage.Read(dir, coverage.Question{Now: time.Now()})
		if err != nil || r.Covered || len(r.Services[0].Gaps) != 1 || r.Services[0].Gaps[0].Kind != coverage.Off {
			t.Errorf("after a pause: %+v, %v", r, err)
		}
		r, err = coverage.Read(dir, coverage.Question{Until: begun.Add(time.Hour), Now: time.Now()})
		if err != nil || !r.Until.Before(begun.Add(time.Hour)) {
			t.Errorf("the future is told: %+v, %v", r, err)
		}
	}, served("pg"))
	r, err := coverage.Read(dir, coverage.Question{Since: begun.Add(-time.Hour), Until: ended, Now: time.Now()})
	if err != nil || r.Covered || r.Services[0].Gaps[0].Kind != coverage.NotBegun || r.Verify.Running {
		t.Errorf("when it is over: %+v, %v", r, err)
	}
}

// TestReadDamaged flips a bit: what the records tell is told all the same, and proves nothing.
func TestReadDamaged(t *testing.T) {
	dir := t.TempDir()
	var until time.Time
	write(t, dir, func() { until = time.Now() }, served("pg"))
	file := filepath.Join(dir, "journal-00000000000000000001.jsonl")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	q := coverage.Question{Until: until, Now: time.Now()}
	if r, err := coverage.Read(dir, q); err != nil || !r.Covered {
		t.Fatalf("before: %+v, %v", r, err)
	}
	if err := os.WriteFile(file, bytes.Replace(text, []byte("flags"), []byte("flagt"), 1), 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := coverage.Read(dir, q)
	if err != nil || r.Covered || r.Verify.OK || len(r.Services) != 1 || len(r.Services[0].Gaps) != 0 {
		t.Fatalf("after: %+v, %v", r, err)
	}
	if !strings.HasPrefix(r.Verify.Problem, "journal-00000000000000000001.jsonl:2: expected chain ") {
		t.Errorf("the problem is %q", r.Verify.Problem)
	}
	text, err = json.Marshal(r)
	if err != nil || !bytes.Contains(text, []byte(`"gaps":[],"sessions":0,`)) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestReadNothing(t *testing.T) {
	if _, err := coverage.Read(t.TempDir(), coverage.Question{Now: time.Now()}); !errors.Is(err, journal.ErrNoJournal) {
		t.Errorf("an empty directory: %v", err)
	}
}
