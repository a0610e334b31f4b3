// Package operations decides what becomes of the operations that decoders read: which ones the journal records, who
// follows them live, and, in a [Table], which statements cost most, fail, or look as if a program asked in a loop.
package operations
