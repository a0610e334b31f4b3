package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// fleetWait is how long anything may take on a busy machine.
const fleetWait = 3 * time.Minute

// fleetDoor is a door whose records go elsewhere, too. It keeps its port and its journal when it is started again.
type fleetDoor struct {
	*testDoor
	file string
}

// openFleetDoor opens a door in a home of its own. keys are settings of the journal, more are other sections.
func openFleetDoor(t *testing.T, keys, more string, env ...string) *fleetDoor {
	t.Helper()
	return openFleetDoorIn(t, filepath.Join(t.TempDir(), "journal"), keys, more, env...)
}

// openFleetDoorIn is for a journal's directory in which there may be something.
func openFleetDoorIn(t *testing.T, dir, keys, more string, env ...string) *fleetDoor {
	t.Helper()
	home := testkit.NewHome(t)
	home.Env = env
	d := &fleetDoor{
		testDoor: &testDoor{t: t, port: testkit.FreePort(t), dir: dir}, file: filepath.Join(home.Dir(), "lodoor.yaml"),
	}
	text := fmt.Sprintf("journal: {dir: %s, rotate_size: 16KiB%s}\nservices: [{name: svc, listen: %d, backend: %d}]\n%s\n",
		d.dir, keys, d.port, testkit.EchoServer(t).Port(), more)
	if err := os.WriteFile(d.file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	d.Door = home.Start("--config", d.file)
	return d
}

// again opens the door again.
func (d *fleetDoor) again() {
	d.t.Helper()
	d.Door = d.Start("--config", d.file)
}

// visit has n clients come, say something and go.
func (d *fleetDoor) visit(n int) {
	d.t.Helper()
	for range n {
		echoClient(d.t, d.addr(), 10)
	}
}

// feed is what lodoor status says of one of the door's feeds, and when.
func (d *fleetDoor) feed(name string) (f control.FeedStatus, now time.Time) {
	d.t.Helper()
	stdout, stderr, code := d.Run("status", "--json", "--dir", d.dir)
	var s control.Status
	if err := json.Unmarshal([]byte(stdout), &s); err != nil || code != exitOK {
		d.t.Fatalf("lodoor status ended with %d: %v %s", code, err, stderr)
	}
	for _, f := range s.Feeds {
		if f.Name == name {
			return f, s.Now
		}
	}
	d.t.Fatalf("lodoor status tells of no feed %s: %s", name, stdout)
	return f, now
}

// delivers waits until a feed has delivered something.
func (d *fleetDoor) delivers(name string) {
	d.t.Helper()
	testkit.Wait(d.t, name+" to deliver", func() bool {
		f, _ := d.feed(name)
		return f.Delivered > 0
	}, fleetWait)
}

// lags waits until a feed has been failing for some time, with records that wait for it.
func (d *fleetDoor) lags(name string, since time.Duration) {
	d.t.Helper()
	testkit.Wait(d.t, name+" to fail", func() bool {
		f, now := d.feed(name)
		return f.Error != "" && f.Behind > 0 && f.Lag > 0 && f.Since != nil && now.Sub(*f.Since) > since
	}, fleetWait)
}

// catchesUp waits until a feed has delivered all.
func (d *fleetDoor) catchesUp(name string) {
	d.t.Helper()
	testkit.Wait(d.t, name+" to catch up", func() bool {
		f, _ := d.feed(name)
		return f.Error == "" && f.Behind == 0
	}, fleetWait)
}

// end stops the door in order, which was never killed, and returns what its journal has.
func (d *fleetDoor) end() []journal.Entry {
	d.t.Helper()
	d.settle()
	return d.whole()
}

// whole is what the journal of a door has that was stopped in order, from its first record to journal.stop.
func (d *fleetDoor) whole() []journal.Entry {
	d.t.Helper()
	verified(d.t, d.dir)
	all := d.entries()
	if first, last := all[0], all[len(all)-1]; first.Identity.Seq != 1 || last.Record.Event != flow.EventJournalStop {
		d.t.Errorf("the journal goes from record %d to a %s", first.Identity.Seq, last.Record.Event)
	}
	return all
}

func (d *fleetDoor) entries() []journal.Entry {
	d.t.Helper()
	var all []journal.Entry
	for e, err := range journal.Read(d.dir, journal.From{}) {
		if err != nil {
			d.t.Fatal(err)
		}
		e.Line = bytes.Clone(e.Line)
		all = append(all, e)
	}
	return all
}

// sameAsJournal wants a copy of a journal to be the journal: each record once, in order, as it is.
func sameAsJournal(t *testing.T, name string, copied []string, want []journal.Entry) {
	t.Helper()
	for i := range min(len(copied), len(want)) {
		if copied[i] != string(want[i].Line) {
			t.Fatalf("%s: record %d of %d is\n%s, expected\n%s", name, i+1, len(copied), copied[i], want[i].Line)
		}
	}
	if len(copied) != len(want) {
		t.Fatalf("%s has %d records, the journal %d", name, len(copied), len(want))
	}
}
