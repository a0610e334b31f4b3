package lanetest

import (
	"io"
	"net"
	"sync"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// bulk is for lanes that move long streams in another way than short messages: nothing may be lost or change places
// where they begin and end to do so.
func (k kit) bulk(t *testing.T) {
	t.Run("both ways", k.bulkBothWays)
	t.Run("in turns", k.bulkInTurns)
	t.Run("urgent", k.bulkUrgent)
	t.Run("receiver gone", k.bulkReceiverGone)
}

// bulkBothWays sends megabytes in both directions at once, each with FIN behind it.
func (k kit) bulkBothWays(t *testing.T) {
	const n = 16 << 20
	s := k.open(t, lane.Pair{})
	fromClient.sendLate(t, s.Client, n, closeWriteQuietly)
	fromBackend.sendLate(t, s.Backend, n, closeWriteQuietly)
	var both sync.WaitGroup
	for _, r := range []struct {
		by net.Conn
		of stream
	}{{s.Client, fromBackend}, {s.Backend, fromClient}} {
		both.Go(func() {
			if m, err := r.of.rest(r.by); m != n || err != nil {
				t.Errorf("%d of %d bytes, then %s", m, n, ended(err))
			}
		})
	}
	both.Wait()
	if o := s.outcome(t); o.End != flow.EndFIN || o.FromClient != n || o.FromBackend != n {
		t.Errorf("outcome %s with %d and %d bytes, want fin with %d each", o.End, o.FromClient, o.FromBackend, n)
	}
}

// bulkInTurns has megabytes and single bytes follow each other, each answered before the next.
func (k kit) bulkInTurns(t *testing.T) {
	s := k.open(t, lane.Pair{})
	all := fromClient.bytes(12 << 20)
	heard := make(chan error, 1)
	var at uint64
	for _, n := range []int{4 << 20, 1, 1, 2 << 20, 100_000, 1, 3 << 20} {
		b := all[at : at+uint64(n)]
		go func() {
			got := make([]byte, n)
			_, err := io.ReadFull(s.Backend, got)
			if err == nil {
				err = fromClient.check(got, at)
			}
			heard <- err
		}()
		if _, err := s.Client.Write(b); err != nil {
			t.Fatalf("write %d bytes: %v", n, err)
		}
		if err := <-heard; err != nil {
			t.Fatalf("%d bytes at %d: %v", n, at, err)
		}
		at += uint64(n)
	}
}

// bulkReceiverGone resets the receiver of a long stream: the sender must be told.
func (k kit) bulkReceiverGone(t *testing.T) {
	s := k.open(t, lane.Pair{})
	wrote := fromClient.sendLate(t, s.Client, 64<<20, nothing)
	if _, err := io.CopyN(io.Discard, s.Backend, 8<<20); err != nil {
		t.Fatal(err)
	}
	reset(s.Backend)
	if err := <-wrote; !isReset(err) {
		t.Errorf("the sender: %v, want a reset", err)
	}
	if o := s.outcome(t); o.End != flow.EndReset || o.EndedBy != flow.SideBackend {
		t.Errorf("ended %s by %s, want reset by backend", o.End, o.EndedBy)
	}
}
