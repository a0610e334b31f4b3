package lanetest

import (
	"errors"
	"math/rand/v2"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/lane"
)

// Fuzz feeds scripts of random traffic to the lanes that newLane makes.
func Fuzz(f *testing.F, newLane func(t *testing.T) lane.Lane) {
	f.Add([]byte{})
	f.Add([]byte{0x0f, 0x8f, 0x40, 0xc0})                         // both speak, both close
	f.Add([]byte{0x11, 0x11, 0x60, 0x91, 0x91, 0x91})             // client resets while the backend speaks
	f.Add([]byte{0x91, 0x20, 0xe0, 0x01, 0x11, 0x11, 0x11})       // backend resets while the client speaks
	f.Add([]byte{0x40, 0x91, 0x91, 0x91, 0xa0, 0x91, 0xc0})       // late megabytes after the client's FIN
	f.Add([]byte{0x11, 0x60, 0x91, 0xe0})                         // both reset
	f.Add([]byte{0x00, 0x20, 0x01, 0x20, 0x80, 0xa0, 0x81, 0xa0}) // single bytes, each waited for
	f.Fuzz(func(t *testing.T, script []byte) {
		all := networks()
		k := kit{newLane: newLane, network: all[len(script)%len(all)]}
		k.traffic(t, script)
	})
}

// random plays scripts from a fixed seed.
func (k kit) random(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 30 {
		script := make([]byte, r.IntN(40))
		for i := range script {
			script[i] = byte(r.Uint32())
		}
		k.traffic(t, script)
		if t.Failed() {
			t.Fatalf("script %x", script)
		}
	}
}

// step is what one end does: a script has two bits for what, one for who, five for how much.
type step struct {
	do   byte
	size int
}

const (
	doWrite = iota // write size bytes
	doWait         // wait until the other end has read all that was written, or is over
	doClose        // FIN; the last step
	doReset        // the last step
)

// steps reads what the ends do; each ends with FIN or a reset.
func steps(script []byte) (both [2][]step) {
	for _, b := range script[:min(len(script), 64)] {
		end, do := b>>7, b>>5&3
		list := both[end]
		if len(list) > 0 && list[len(list)-1].do >= doClose {
			continue
		}
		arg := int(b & 31)
		both[end] = append(list, step{do, 1<<(arg%18) + arg})
	}
	for i, list := range both {
		if len(list) == 0 || list[len(list)-1].do < doClose {
			both[i] = append(list, step{do: doClose})
		}
	}
	return both
}

// player is one end.
type player struct {
	conn     net.Conn
	speaks   stream
	hears    stream
	steps    []step
	other    *player
	sent     uint64
	heard    atomic.Uint64
	over     atomic.Bool // hears nothing more
	wrote    error       // how writing failed
	read     error       // how reading ended; nil in order
	hasReset bool
}

// traffic lets both ends play their steps and compares what they saw with each other, the outcome and the tap.
func (k kit) traffic(t *testing.T, script []byte) {
	w := &witness{t: t}
	l := k.newLane(t)
	s := k.openOn(t, l, lane.Pair{Tap: w})
	todo := steps(script)
	client := &player{conn: s.Client, speaks: fromClient, hears: fromBackend, steps: todo[0]}
	backend := &player{conn: s.Backend, speaks: fromBackend, hears: fromClient, steps: todo[1]}
	client.other, backend.other = backend, client
	var all sync.WaitGroup
	for _, p := range []*player{client, backend} {
		p.hasReset = k.network.resets() && p.steps[len(p.steps)-1].do == doReset
		all.Go(p.speak)
		all.Go(p.hear)
	}
	all.Wait()
	_ = client.conn.Close()
	_ = backend.conn.Close()
	o := s.outcome(t)
	w.checkEnd(t, o)
	w.checkHeard(t, flow.FromBackend, client.heard.Load(), !client.hasReset && !portable)
	w.checkHeard(t, flow.FromClient, backend.heard.Load(), !backend.hasReset && !portable)
	client.check(t, o.FromClient, o.FromBackend)
	backend.check(t, o.FromBackend, o.FromClient)
	checkEnd(t, client, backend, o)
	closeLane(t, l)
}

func (p *player) speak() {
	for _, s := range p.steps {
		switch s.do {
		case doWrite:
			n, err := p.conn.Write(p.speaks.fill(make([]byte, s.size), p.sent))
			p.sent += uint64(n)
			if err != nil {
				p.wrote = err
				return
			}
		case doWait:
			p.waitHeard()
		case doClose:
			closeWriteQuietly(p.conn)
		case doReset:
			if p.hasReset {
				reset(p.conn)
			} else {
				closeWriteQuietly(p.conn)
			}
		}
	}
}

// waitHeard waits until the other end has read all that was sent, or reads no more.
func (p *player) waitHeard() {
	look := time.NewTicker(100 * time.Microsecond)
	defer look.Stop()
	for p.other.heard.Load() < p.sent && !p.other.over.Load() {
		<-look.C
	}
}

func (p *player) hear() {
	p.read = p.hears.drain(p.conn, &p.heard)
	p.over.Store(true)
}

// check compares what p sent and heard with what the lane read from p and from the other end.
func (p *player) check(t *testing.T, carried, back uint64) {
	t.Helper()
	heard := p.heard.Load()
	switch {
	case errors.Is(p.read, errWrong):
		t.Errorf("%s: %v", p.conn.LocalAddr(), p.read)
	case carried > p.sent:
		t.Errorf("the lane read %d bytes of %d", carried, p.sent)
	case !p.hasReset && !p.other.hasReset && (carried != p.sent || heard != back):
		t.Errorf("sent %d, carried %d; carried back %d, heard %d", p.sent, carried, back, heard)
	case !p.hasReset && heard != back && !portable:
		t.Errorf("the other end's reset lost bytes: %d were read, %d delivered", back, heard)
	case p.hasReset && heard > back:
		t.Errorf("heard %d bytes of %d", heard, back)
	case p.other.hasReset && !p.hasReset && !isReset(p.read) && !isReset(p.wrote) && !portable:
		t.Errorf("the other end's reset was not passed: reading %v, writing %v", p.read, p.wrote)
	}
}

func checkEnd(t *testing.T, client, backend *player, o flow.Outcome) {
	t.Helper()
	reset := client.hasReset || backend.hasReset
	if reset != (o.End == flow.EndReset) || !reset && o.End != flow.EndFIN {
		t.Errorf("ended %s, resets by client %v, by backend %v", o.End, client.hasReset, backend.hasReset)
	}
	if client.hasReset != backend.hasReset && (o.EndedBy == flow.SideClient) != client.hasReset {
		t.Errorf("ended by %s, resets by client %v, by backend %v", o.EndedBy, client.hasReset, backend.hasReset)
	}
}
