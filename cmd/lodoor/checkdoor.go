package main

import (
	"context"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/console/control"
	"github.com/lodoor/lodoor/logsink/journal"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/probe"
)

const (
	// doorsWithin is how long doors may take to say who they are. One that hangs is then looked at as any program.
	doorsWithin = 2 * time.Second
	// toldWithin is how long an attempt's record is waited for: a journal is read every 150 ms.
	toldWithin = 5 * time.Second
)

// passing is a service of a door that runs, with one side as it was asked for.
type passing struct {
	about          *control.About
	service        string
	front, backend flow.Endpoint
	askedFront     bool
}

// doorAt finds the door that an address belongs to: as its front or else as its backend. Nil is none; the error tells
// of doors that could not be asked.
func doorAt(ctx context.Context, at flow.Endpoint) (*passing, error) {
	ctx, cancel := context.WithTimeout(ctx, doorsWithin)
	defer cancel()
	doors, _, err := control.Find(ctx)
	var behind *passing
	for _, d := range doors {
		for _, s := range d.Services {
			fronts := endpoints(s.Fronts)
			backend := endpoints([]string{s.Backend})
			if len(fronts) == 0 || len(backend) == 0 {
				continue
			}
			if slices.ContainsFunc(fronts, func(e flow.Endpoint) bool { return meet(at, e) }) {
				return &passing{&d.About, s.Name, at, backend[0], true}, err
			}
			if behind == nil && meet(at, backend[0]) {
				behind = &passing{&d.About, s.Name, fronts[0], at, false}
			}
		}
	}
	return behind, err
}

func endpoints(texts []string) []flow.Endpoint {
	var all []flow.Endpoint
	for _, text := range texts {
		if e, err := flow.ParseEndpoint(text); err == nil {
			all = append(all, e)
		}
	}
	return all
}

// meet says whether two endpoints have an address in common.
func meet(a, b flow.Endpoint) bool {
	if a.IsUnix() || b.IsUnix() {
		return a.IsUnix() && b.IsUnix() && sameFile(a.Path, b.Path)
	}
	if a.Port != b.Port {
		return false
	}
	as, bs := addressesOf(a), addressesOf(b)
	if len(as) == 0 || len(bs) == 0 {
		return strings.EqualFold(a.Host, b.Host)
	}
	for _, x := range as {
		for _, y := range bs {
			if x == y || x.IsUnspecified() && (x.Is6() || y.Is4()) || y.IsUnspecified() && (y.Is6() || x.Is4()) {
				return true
			}
		}
	}
	return false
}

// addressesOf are those that a host means without asking anybody; none of another name.
func addressesOf(e flow.Endpoint) []netip.Addr {
	if a, ok := e.Addr(); ok {
		return []netip.Addr{a}
	}
	if e.Host == "" || strings.EqualFold(e.Host, "localhost") {
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()}
	}
	return nil
}

// look tries both sides, the one that was asked for last, and asks the journal what the door thought of it.
func (p *passing) look(ctx context.Context) *probe.Passage {
	found := &probe.Passage{Instance: p.about.Instance, Service: p.service, Journaled: p.about.Journal != ""}
	if p.askedFront {
		found.Backend = probe.Look(ctx, p.backend)
	}
	since := time.Now()
	found.Front = probe.Look(ctx, p.front)
	if found.Journaled && len(found.Front.Attempts) > 0 && found.Front.Attempts[0].Outcome == probe.Connected {
		found.Told = told(ctx, p.about.Journal, since, p.service, found.Front.Attempts[0].From)
	}
	if !p.askedFront {
		found.Backend = probe.Look(ctx, p.backend)
	}
	return found
}

// told reads what became of the session of an attempt; nil when the journal does not say it in time. The client of a
// Unix socket has no address, and is known by its process.
func told(ctx context.Context, dir string, since time.Time, service string, from netip.AddrPort) *probe.Told {
	ctx, cancel := context.WithTimeout(ctx, toldWithin)
	defer cancel()
	for e, err := range journal.Follow(ctx, dir, journal.From{Since: since}) {
		r := &e.Record
		if err != nil || r.Service != service || !isOf(r, from) {
			continue
		}
		switch r.Event {
		case flow.EventSessionRefused:
			return &probe.Told{Refused: r.Verdict}
		case flow.EventSessionClose:
			if r.Outcome != nil {
				return &probe.Told{Refused: r.Outcome.Refused, End: r.Outcome.End, Detail: r.Outcome.Detail}
			}
		}
	}
	return nil
}

func isOf(r *flow.Record, from netip.AddrPort) bool {
	switch {
	case !from.IsValid():
		return r.Origin != nil && r.Origin.PID == os.Getpid()
	case r.Peer != nil && isFrom(r.Peer.Addr, from):
		return true
	default:
		isSame := func(a netip.AddrPort) bool { return isFrom(a, from) }
		return r.Refusal != nil && slices.ContainsFunc(r.Refusal.Sample, isSame)
	}
}

// isFrom compares the ports alone when the address is not known.
func isFrom(a, from netip.AddrPort) bool {
	return a == from || from.Addr().IsUnspecified() && a.Port() == from.Port()
}
