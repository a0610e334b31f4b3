package peer

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	// keepSnapshot is how long the interfaces are taken to be as they were.
	keepSnapshot = 5 * time.Second
	// restSnapshot is the least time between two readings, so that strangers cannot make lodoor read all the time.
	restSnapshot = time.Second
)

// snapshot is this host's interfaces at one moment; it is not changed.
type snapshot struct {
	taken      time.Time
	interfaces []Interface
	byIndex    map[int]*Interface
	own        map[netip.Addr]struct{}
}

func newSnapshot(interfaces []Interface, taken time.Time) *snapshot {
	s := &snapshot{
		taken: taken, interfaces: interfaces,
		byIndex: make(map[int]*Interface), own: make(map[netip.Addr]struct{}),
	}
	for i := range interfaces {
		in := &interfaces[i]
		s.byIndex[in.Index] = in
		for _, a := range in.Own {
			s.own[a] = struct{}{}
		}
	}
	return s
}

// isOwn says whether an address is this host's. Everything in a network of the loopback interface is (ip route show
// table local), not only the address that it was given with.
func (s *snapshot) isOwn(a netip.Addr) bool {
	if _, ok := s.own[a]; ok {
		return true
	}
	for i := range s.interfaces {
		in := &s.interfaces[i]
		if in.Kind == Loopback && !a.IsLinkLocalUnicast() && in.contains(a) {
			return true
		}
	}
	return false
}

// zone tells what kind of place an address is, given the interface that its packets came in through; nil when that is
// not known.
func (s *snapshot) zone(a netip.Addr, ingress *Interface) flow.Zone {
	switch {
	case a.IsLoopback():
		return flow.ZoneLoopback
	case s.isOwn(a):
		return flow.ZoneSelf
	}
	if ingress == nil {
		ingress = s.connected(a)
	}
	if z := behind(a, ingress); z != flow.ZoneUnknown {
		return z
	}
	switch {
	case a.IsLinkLocalUnicast():
		return flow.ZoneLinkLocal
	case flow.IsPrivate(a), ingress != nil && ingress.contains(a):
		return flow.ZoneLAN
	default:
		return flow.ZonePublic
	}
}

// connected is the interface with the smallest network that an address is in; nil when there is none.
func (s *snapshot) connected(a netip.Addr) *Interface {
	var best *Interface
	bits := 0 // a network of everything is no network
	for i := range s.interfaces {
		for _, p := range s.interfaces[i].Networks {
			if p.Contains(a) && p.Bits() > bits {
				best, bits = &s.interfaces[i], p.Bits()
			}
		}
	}
	return best
}

// behind is the zone that an interface gives to addresses behind it. Public addresses come through tunnels and bridges
// too and stay public, so that who lets in a VPN does not let in the Internet that arrives by it. A veth may be this
// container's own way out, so that it speaks only for its own network.
func behind(a netip.Addr, in *Interface) flow.Zone {
	if in != nil && (in.contains(a) || flow.IsPrivate(a) && in.Kind != Veth) {
		return in.zone()
	}
	return flow.ZoneUnknown
}

// view is the newest snapshot. It is renewed by who asks, and nobody waits for somebody else's reading.
type view struct {
	read    func() ([]Interface, error)
	current atomic.Pointer[snapshot]
	reading sync.Mutex
}

func newView(read func() ([]Interface, error)) (*view, error) {
	interfaces, err := read()
	v := &view{read: read}
	v.current.Store(newSnapshot(interfaces, time.Now()))
	return v, err
}

// get returns interfaces that are new enough to judge an address by, and the interface with an index (0 is none).
func (v *view) get(a netip.Addr, index int) (*snapshot, *Interface) {
	s := v.current.Load()
	in := s.byIndex[index]
	if a.IsLoopback() && in != nil {
		return s, in // nothing that changes is asked for
	}
	known := s.isOwn(a) && (in != nil || index == 0)
	if age := time.Since(s.taken); age < restSnapshot || known && age < keepSnapshot {
		return s, in
	}
	s = v.renew(s)
	return s, s.byIndex[index]
}

// renew reads the interfaces. When they cannot be read, or somebody else is at it, the old ones stay.
func (v *view) renew(old *snapshot) *snapshot {
	if !v.reading.TryLock() {
		return old
	}
	defer v.reading.Unlock()
	interfaces, err := v.read()
	if err != nil {
		interfaces = old.interfaces
	}
	s := newSnapshot(interfaces, time.Now())
	v.current.Store(s)
	return s
}
