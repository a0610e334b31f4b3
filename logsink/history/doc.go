// Package history keeps records where they can be searched: in SQLite beside the journal, or in a PostgreSQL that many
// machines write into. It is fed from the journal and can be made again from it.
//
// A [Store] is a journal.Resumer: it knows itself which record it has last. A [Filter] says which records are wanted,
// of a store or, by Matches, of a journal's segments.
package history
