package pcapng

import (
	"errors"
	"net/netip"
	"runtime"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/ring"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
)

// connection is two addresses, which stand for one leg of one session in one file.
type connection struct{ from, to netip.AddrPort }

const (
	// jitter is by how much a time may be before that of the packet ahead of it and is raised to it: two goroutines
	// read the clock and then queue for their place.
	jitter = 10 * time.Millisecond
	// rebuilt is the section header's comment.
	rebuilt = "rebuilt from the relay's reads: no retransmissions, no real windows"
)

// file is one recording in the making: a file of the store, or a ring in memory that becomes one when somebody asks.
type file struct {
	track  track
	out    *store.File // nil: ring
	ring   *ring.Ring  // nil, too: it is for those who follow
	budget *budget
	follow followers
	packer *packer
	text   []byte // of the comment in hand

	counted                int64  // in the budget
	payload, payloadOnDisk uint64 // bytes of sessions in blocks, and those of them that the system has

	at         int64 // time of the last packet
	sessions   int   // that are not over
	seen       map[connection]struct{}
	named      map[netip.Addr]string
	seenBy     [2]block.Statistics // by interface
	generation uint64              // of its comments: those of the one before are not in it
	retired    bool                // new sessions go elsewhere
	closed     bool
}

func newFile(l track, w *writer) *file {
	return &file{
		track: l, budget: w.budget, follow: w.followers, packer: newPacker(), generation: 1,
		seen: map[connection]struct{}{}, named: map[netip.Addr]string{},
	}
}

// head is what a file of a service begins with: the section and an interface for each leg.
func (l track) head(application string) []byte {
	service, comment := l.service, rebuilt
	if l.wire {
		comment = asSeen
	}
	b := block.AppendSection(nil, &block.Section{
		Application: application, Comment: comment, Hardware: runtime.GOARCH, System: runtime.GOOS,
	})
	b = block.AppendInterface(b, &block.Interface{
		Link: block.LinkRaw, Name: service + " front", Description: "clients and lodoor, as the clients see it",
	})
	return block.AppendInterface(b, &block.Interface{
		Link: block.LinkRaw, Name: service + " back", Description: "lodoor and the service, as the service sees it",
	})
}

// takes says whether a connection may be added. A reader takes two with the same addresses and ports for one that began
// anew, and marks it; so they go to different files.
func (f *file) takes(c connection) bool {
	const most = 1 << 17 // connections that are worth remembering: two for each of 65,536 sessions
	_, taken := f.seen[c]
	return !taken && (len(f.seen) < most || f.out == nil)
}

// add remembers a connection. A ring forgets its sessions, so it cannot tell when one comes again.
func (f *file) add(c connection) {
	if f.out != nil {
		f.seen[c] = struct{}{}
	}
}

// name tells what an address is called, once.
func (f *file) name(a netip.Addr, name string) error {
	if f.named[a] != "" {
		return nil
	}
	f.named[a] = name
	return f.begin(f.at, block.AppendNames(nil, []block.Name{{Addr: a, Names: []string{name}}}))
}

// names are those that were told.
func (f *file) names() (all []block.Name) {
	for addr, name := range f.named {
		all = append(all, block.Name{Addr: addr, Names: []string{name}})
	}
	return all
}

// stamp orders times within a file and, more strictly, within a session; only a clock that was set back shows.
func (f *file) stamp(s *session, at int64) int64 {
	at = raise(at, s.at, time.Second)
	at = raise(at, f.at, jitter)
	s.at, f.at = at, at
	return at
}

func raise(at, last int64, most time.Duration) int64 {
	if at < last && last-at < int64(most) {
		return last
	}
	return at
}

// write adds one packet. The comment is shown with it by those who read the file.
func (f *file) write(leg uint32, at int64, s *segment, c *block.Comment) error {
	f.text = f.text[:0]
	if c.Session != "" || c.NotKept > 0 {
		f.text = c.Append(f.text)
	}
	b, err := f.packer.pack(leg, at, s, f.text)
	if err != nil {
		return err
	}
	if err := f.appendPacket(at, b); err != nil {
		return err
	}
	f.count(leg, at, s)
	return nil
}

// appendPacket adds a packet, in its pieces if it goes nowhere but to the file.
func (f *file) appendPacket(at int64, b packed) error {
	if f.ring == nil && len(f.follow[f.track.service]) == 0 {
		if f.out == nil {
			return nil
		}
		return f.putLent(b)
	}
	return f.append(at, f.packer.join(b))
}

func (f *file) count(leg uint32, at int64, s *segment) {
	seen := &f.seenBy[leg]
	if seen.Received == 0 {
		seen.Start = time.Unix(0, at)
	}
	seen.End = time.Unix(0, at)
	seen.Received++
	if s.missing() > 0 {
		seen.Dropped++
	}
	if s.counted {
		f.payload += uint64(len(s.payload))
	}
}

// begin adds blocks that others depend on. A ring does not have them: a file that is made of it begins with them.
func (f *file) begin(at int64, blocks []byte) error {
	if f.ring != nil {
		f.follow.tell(f.track.service, blocks)
		return nil
	}
	return f.append(at, blocks)
}

// append adds whole blocks.
func (f *file) append(at int64, blocks []byte) error {
	f.follow.tell(f.track.service, blocks)
	if f.ring != nil {
		f.ring.Add(at, blocks)
	}
	if f.out == nil {
		return nil
	}
	return f.put(blocks)
}

// put writes whole blocks to the file.
func (f *file) put(blocks []byte) error { return f.putLent(packed{heads: blocks}) }

// putLent writes a packet whose payload stays as it is until flush.
func (f *file) putLent(b packed) error {
	before := f.out.OnDisk()
	if err := f.out.Append(b.heads, b.payload, b.tail); err != nil {
		return err
	}
	if f.out.OnDisk() != before { // it had to make room first
		f.payloadOnDisk = f.payload
	}
	length := int64(len(b.heads) + len(b.payload) + len(b.tail))
	f.counted += length
	f.budget.settle(0, length)
	return nil
}

// flush hands all to the system, and counts what that takes.
func (f *file) flush() error {
	if f.out == nil {
		return nil
	}
	if err := f.out.Flush(); err != nil {
		return err
	}
	f.payloadOnDisk = f.payload
	f.budget.settle(f.counted, f.out.OnDisk())
	f.counted = f.out.OnDisk()
	return nil
}

// statistics are the last blocks of a file.
func (f *file) statistics() (b []byte) {
	for i := range f.seenBy {
		if s := &f.seenBy[i]; s.Received > 0 {
			s.Interface, s.At = uint32(i), s.End
			b = block.AppendStatistics(b, s)
		}
	}
	return b
}

// close ends the recording with a whole block, also after a failed write.
func (f *file) close() error {
	f.closed = true
	if f.out == nil {
		return nil
	}
	err := f.put(f.statistics())
	err = errors.Join(err, f.flush())
	err = errors.Join(err, f.out.Close())
	f.budget.move(f.counted, f.out.OnDisk())
	return err
}

// repeats says whether a ring would have forgotten a comment after so many nanoseconds, so that it has to be said again.
func (f *file) repeats(ns int64) bool { return f.ring != nil && ns > int64(f.track.repeat) }
