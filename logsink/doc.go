// Package logsink takes every record to the journal first and, once it is committed, to everything else that wants it:
// console, alerts, webhook. A sink that is slow or stuck holds up nobody but itself.
package logsink
