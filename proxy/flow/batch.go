package flow

import "time"

// Entry is a record and what became of it in the journal. It is shared by all sinks: nobody may change it.
type Entry struct {
	ID     Identity // zero when there is no journal
	Record *Record
	Err    error // why the journal could not keep the record
}

// Batch is what a sink gets at once; it must not keep Entries.
type Batch struct {
	// Entries are in the order of commit.
	Entries []*Entry
	// Missed is how many entries, after these, found no room in the sink's queue. The sink says so to its readers.
	Missed uint64
	// Now is the time of the call.
	Now time.Time
	// Tick is set about once a second, with or without entries, for what has to be told in time.
	Tick bool
	// Last is set once, when nothing comes after this batch.
	Last bool
}
