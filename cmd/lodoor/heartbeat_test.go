package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

func TestHeartbeatComesEveryFiveMinutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var records []flow.Record
		h := &heartbeat{
			beat:   func() flow.Beat { return flow.Beat{Open: uint64(len(records))} },
			append: func(r flow.Record) { records = append(records, r) },
		}
		begun := time.Now()
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.run(ctx) }()
		<-time.After(16 * time.Minute)
		stop()
		if err := <-ended; err != nil {
			t.Fatal(err)
		}
		if len(records) != 3 {
			t.Fatalf("%d heartbeats in 16 minutes", len(records))
		}
		for i, r := range records {
			at := begun.Add(time.Duration(i+1) * 5 * time.Minute)
			if r.Event != flow.EventJournalHeartbeat || !r.Time.Equal(at) || r.Beat.Open != uint64(i) {
				t.Errorf("heartbeat %d is %+v with %+v, want one of %v", i, r, r.Beat, at)
			}
		}
	})
}
