package export

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/journal"
)

const (
	natsChildDir = "LODOOR_TEST_NATS_DIR"
	natsChildURL = "LODOOR_TEST_NATS_URL"
)

// TestNATSChild is not a test: it is the program that TestNATSKill kills. It writes a journal without any durability as
// fast as its feed delivers it, and prints a line whenever something was delivered.
func TestNATSChild(t *testing.T) {
	dir := os.Getenv(natsChildDir)
	if dir == "" {
		return
	}
	j, err := journal.Open(journal.Config{
		Settings: journal.Settings{Dir: dir, Durability: journal.DurabilityNone, RotateSize: 64 << 10}, Version: "v0.1.0",
	})
	if err != nil {
		t.Fatal(err)
	}
	n := newTestNATS(t, NATSSettings{Servers: []string{os.Getenv(natsChildURL)}, Create: true})
	feed, err := j.Feed(journal.FeedConfig{Destination: n, Warn: func(err error) { fmt.Fprintln(os.Stderr, err) }})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = j.Run(context.Background()) }()
	go func() { _ = feed.Run(context.Background()) }()
	for before := uint64(0); ; {
		for i := range 50 {
			j.Append(natsEvent(i), nil)
		}
		var delivered uint64
		testkit.Wait(t, "the feed", func() bool { delivered = feed.Stats().Delivered; return delivered > before }, natsWait)
		fmt.Fprintln(os.Stdout, "delivered", delivered)
		before = delivered
	}
}

// TestNATSKill kills a door that writes and publishes, again and again, and takes what the machine might have lost off
// the journal's end. No two different records of the stream share an identity, none is there twice, and all that the
// journal has is there.
func TestNATSKill(t *testing.T) {
	rounds := 6
	if os.Getenv("LODOOR_SOAK") == "1" {
		rounds = 100
	}
	s := startNATS(t, "")
	dir := t.TempDir()
	for round := range rounds {
		natsKillOne(t, s, dir, 1+rand.IntN(12))
		if round%2 == 0 {
			natsTear(t, dir, rand.Int64N(40<<10))
		}
	}
	d := openNATSDoor(t, dir, newTestNATS(t, s.settings()))
	d.settle(t)
	d.stop()
	got := s.read()[d.ID()]
	seen := make(map[string]bool, len(got))
	for _, r := range got {
		if id := ID(r.id); seen[id] {
			t.Fatalf("identity %s is there twice", id)
		} else {
			seen[id] = true
		}
	}
	there := natsEntries(t, dir)
	t.Logf("of %d records in the stream the journal has lost %d", len(got), len(got)-len(there))
	checkNATSEpochs(t, got, there)
	checkNATSChains(t, got)
}

// natsKillOne runs a door until it has delivered a few times.
func natsKillOne(t *testing.T, s *natsServer, dir string, deliveries int) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "-test.run=^TestNATSChild$")
	cmd.Env = append(os.Environ(), natsChildDir+"="+dir, natsChildURL+"="+s.url())
	child := testkit.Start(t, cmd)
	testkit.Wait(t, "deliveries", func() bool {
		return child.Exited() || strings.Count(child.Stdout(), "delivered") >= deliveries
	}, natsWait)
	if child.Exited() {
		t.Fatalf("the door ended by itself:\n%s%s", child.Stdout(), child.Stderr())
	}
	<-time.After(rand.N(10 * time.Millisecond)) // any moment is as good
	child.Kill()
}

// natsTear takes bytes off the end of the journal, as a machine does that goes down.
func natsTear(t *testing.T, dir string, bytes int64) {
	t.Helper()
	segments, err := filepath.Glob(filepath.Join(dir, "journal-*.jsonl"))
	if err != nil || len(segments) == 0 {
		t.Fatal(segments, err)
	}
	last := segments[len(segments)-1]
	info, err := os.Stat(last)
	if err != nil {
		t.Fatal(err)
	}
	// The first record stays: without it the segment would be none.
	if err := os.Truncate(last, max(info.Size()-bytes, min(info.Size(), 1000))); err != nil {
		t.Fatal(err)
	}
}

// checkNATSChains follows the chain within each epoch.
func checkNATSChains(t *testing.T, got []natsRecord) {
	t.Helper()
	var chain [sha256.Size]byte
	for i, r := range got {
		if i == 0 {
			chain = sha256.Sum256([]byte(r.id.Journal))
		}
		if i == 0 || got[i-1].id.Epoch == r.id.Epoch {
			chain = checkNATSLink(t, chain, r)
			continue
		}
		said := strings.TrimSuffix(r.record[strings.Index(r.record, natsChainKey)+len(natsChainKey):], `"}`)
		if n, err := hex.Decode(chain[:], []byte(said)); err != nil || n != len(chain) {
			t.Fatalf("%v has chain %q", r.id, said)
		}
	}
}
