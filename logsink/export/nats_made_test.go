package export

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
)

// natsMade are n records from number first on, of a journal that there is not.
func natsMade(journalDigit string, epoch, first, n int) []journal.Entry {
	all := make([]journal.Entry, n)
	for i := range all {
		e := journal.Entry{
			Identity: flow.Identity{
				Journal: strings.Repeat(journalDigit, 32), Epoch: fmt.Sprintf("%016x", epoch), Seq: uint64(first + i),
			},
			Record: flow.Record{Event: flow.EventConfigLoaded},
		}
		e.Line = natsStandIn(e, 0)
		all[i] = e
	}
	return all
}

// natsLose is a journal whose records from number seq on were lost before another epoch began with n records.
func natsLose(all []journal.Entry, seq, epoch, n int) []journal.Entry {
	kept := all[:seq-1]
	return append(kept[:len(kept):len(kept)], natsMade(all[0].Identity.Journal[:1], epoch, seq, n)...)
}

// checkNATSOrder wants exactly these records.
func checkNATSOrder(t testing.TB, got []natsRecord, want []journal.Entry) {
	t.Helper()
	for i := range min(len(got), len(want)) {
		if got[i].id != want[i].Identity {
			t.Fatalf("message %d of %d is %v, expected %v", i+1, len(got), got[i].id, want[i].Identity)
		}
	}
	if len(got) != len(want) {
		t.Fatalf("the stream has %d records, expected %d", len(got), len(want))
	}
}

// checkNATSEpochs is for a journal that lost its end, perhaps more than once: the stream has all that is in it, once
// and in order, and each record stands directly behind the one before it in its epoch, unless it is the first of that.
func checkNATSEpochs(t testing.TB, got []natsRecord, want []journal.Entry) {
	t.Helper()
	there := make(map[flow.Identity]bool, len(want))
	for _, e := range want {
		there[e.Identity] = true
	}
	known := map[string]bool{}
	var rest []natsRecord
	for i, r := range got {
		if known[r.id.Epoch] && (got[i-1].id.Epoch != r.id.Epoch || got[i-1].id.Seq+1 != r.id.Seq) {
			t.Fatalf("record %v comes behind %v", r.id, got[i-1].id)
		}
		known[r.id.Epoch] = true
		if there[r.id] {
			rest = append(rest, r)
		}
	}
	checkNATSOrder(t, rest, want)
}

func natsEpochNumber(epoch string) int {
	n, err := strconv.ParseUint(epoch, 16, 64)
	if err != nil {
		panic(err)
	}
	return int(n)
}
