package testkit

import (
	"testing"
	"time"
)

// pollEvery is short beside everything that is waited for, and long beside a look at it.
const pollEvery = 5 * time.Millisecond

// Wait polls until cond holds, and fails the test with what was waited for when it does not within timeout.
func Wait(t testing.TB, what string, cond func() bool, timeout time.Duration) {
	t.Helper()
	if !poll(cond, timeout) {
		t.Fatalf("waited %v for %s", timeout, what)
	}
}

// poll says whether cond came to hold within timeout. It looks at least twice: now and at the end.
func poll(cond func() bool, timeout time.Duration) bool {
	if cond() {
		return true
	}
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	end := time.NewTimer(timeout)
	defer end.Stop()
	for {
		select {
		case <-tick.C:
			if cond() {
				return true
			}
		case <-end.C:
			return cond()
		}
	}
}
