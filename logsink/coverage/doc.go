// Package coverage tells from a journal when lodoor stood before a service, and when it did not: what an auditor asks.
//
// A service is covered while lodoor runs and serves it. What else there is of the period are gaps, each with its reason.
// All of it comes from the records themselves; whether those are whole is what journal.Verify found.
package coverage
