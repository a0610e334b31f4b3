package logsink_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/lodoor/lodoor/logsink"
	"github.com/lodoor/lodoor/logsink/journal"
)

// TestOrderOfCommitWithLoopsThatWrite has loops that flush, and somebody who appends, over a real journal: each sink
// gets each record once, in the order of the journal.
func TestOrderOfCommitWithLoopsThatWrite(t *testing.T) {
	const loops, each = 3, 500
	j, err := journal.Open(journal.Config{Settings: journal.Settings{Dir: t.TempDir(), KeepFree: 1}, Version: "test"})
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{name: "m"}
	l, stop := start(t, logsink.Config{Journal: j, Sinks: []logsink.Sink{m}})
	ctx, cancel := context.WithCancel(context.Background())
	var running, all sync.WaitGroup
	running.Go(func() {
		if err := j.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	for i := range loops {
		all.Go(func() {
			for range each {
				if i == 0 {
					l.Append(open(), nil)
					continue
				}
				l.Add(open(), nil)
				l.Flush()
			}
		})
	}
	all.Wait()
	if err := stop(); err != nil { // waits for the journal's answers
		t.Error(err)
	}
	cancel()
	running.Wait()
	if want := sequence(loops*each + 1)[1:]; !slices.Equal(m.seqs(), want) { // 1 is journal.start
		t.Errorf("the sink got %d records, not those from 2 to %d in order", len(m.got), loops*each+1)
	}
}
