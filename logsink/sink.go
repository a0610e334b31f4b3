package logsink

import (
	"context"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Journal is the source of truth. Append never waits for the disk; done is called once the record is committed or
// cannot be, in the order of commit.
type Journal interface {
	Append(r flow.Record, done func(flow.Identity, error))
	// Add is Append by a caller who calls Flush soon, which has what was added written.
	Add(r flow.Record, done func(flow.Identity, error))
	Flush()
}

// Sink is where records go beside the journal. All its calls of Consume come from one goroutine, its own.
type Sink interface {
	// Name is what people know the sink by: "console".
	Name() string
	// Wants says whether records of this event are for the sink. It is called on the path of sessions: it must not
	// block, and its answer must not change.
	Wants(e flow.Event) bool
	// Consume takes a batch and returns with how many of its entries the sink is done. It may take its time, but
	// should return once ctx is done, which means that lodoor ends now. An error ends the sink: it is not called again.
	Consume(ctx context.Context, b flow.Batch) (int, error)
}

// Waker is a Sink that may have something to do though nothing comes.
type Waker interface {
	Sink
	// Wake is asked after each Consume for when the next one is due at the latest, with or without entries. The zero
	// time is: when something comes.
	Wake() time.Time
}

// Stats say what became of the records that a sink wanted.
type Stats struct {
	Name      string
	Delivered uint64 // Consume was done with them
	Dropped   uint64 // the queue was full, or the sink had ended
	Queued    uint64 // waiting, or being consumed
	Ended     bool   // the sink failed, or is finished
}
