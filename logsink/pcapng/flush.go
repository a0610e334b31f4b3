package pcapng

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
)

// Flushed is a file that a ring was written to.
type Flushed struct {
	Service, Path string
	Packets       uint64
	// Sessions are those that the packets are of.
	Sessions uint64
	// Reaches is how far back nothing is missing: the ring's age, or less when its memory was too small for that.
	Reaches time.Duration
}

// Flush writes what the ring of a service holds to a file of its own, or the rings of all services when none is named,
// and empties them. reason becomes part of the file's name. It is an error when there is no ring; a ring that is empty is
// none, and is left out.
func (r *Recorder) Flush(service, reason string) (all []Flushed, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := time.Now()
	r.pass(now)
	rings := 0
	for f := range r.writer.open {
		if f.ring == nil || service != "" && f.track.service != service {
			continue
		}
		rings++
		f.ring.Expire(now.UnixNano())
		if f.ring.Held().Blocks == 0 {
			continue
		}
		one, failed := r.writer.drain(f, label(reason), now)
		err = errors.Join(err, failed)
		if failed == nil {
			all = append(all, one)
		}
	}
	if rings == 0 && !r.keepsRing(service) {
		return nil, fmt.Errorf("write the last seconds of %s: nothing is kept in memory: expected record: {ring: …}", orAll(service))
	}
	return all, err
}

func (r *Recorder) keepsRing(service string) bool {
	for _, s := range r.config.Standing {
		if s.Plan.Ring && (service == "" || s.Service == service) {
			return true
		}
	}
	return false
}

func orAll(service string) string {
	if service == "" {
		return "any service"
	}
	return service
}

// label makes of a reason what may be part of a file's name.
func label(reason string) string {
	plain := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			return r
		case r >= 'A' && r <= 'Z':
			return r - 'A' + 'a'
		}
		return '_'
	}, reason)
	const most = 40
	plain = strings.Trim(plain[:min(len(plain), most)], "_0123456789")
	if plain == "" {
		return "flush"
	}
	return plain
}

// drain writes a ring to a file.
func (w *writer) drain(f *file, label string, now time.Time) (out Flushed, err error) {
	held := f.ring.Held()
	if room := w.budget.max.Load() - w.budget.used.Load(); int64(held.Bytes) > room {
		return out, fmt.Errorf("write the last seconds of %s: %d bytes, and max_total has room for %d: remove old recordings, "+
			"or raise it", f.track.service, held.Bytes, max(room, 0))
	}
	to, err := w.store.Create(f.track.service, label, time.Unix(0, held.From))
	if err != nil {
		return out, err
	}
	copied := newFile(f.track, w)
	copied.out, copied.at = to, held.From
	out = Flushed{Service: f.track.service, Reaches: f.ring.Reach(now.UnixNano())}
	head := w.secrets.appendSoFar(f.track.head(w.application), f.track.service)
	err = copied.put(block.AppendNames(head, f.names()))
	sessions := map[connection]struct{}{}
	if err == nil {
		err = f.ring.Drain(func(b []byte) error {
			out.Packets++
			copied.recount(b, sessions)
			return copied.put(b)
		})
	}
	f.generation++ // whose packets they are has to be said again
	err = errors.Join(err, copied.close())
	out.Path, out.Sessions = to.Path(), uint64(len(sessions))
	w.stats.files.Add(1)
	return out, err
}

// recount looks at a packet that was made before, for the statistics, and notes whose it is.
func (f *file) recount(b []byte, sessions map[connection]struct{}) {
	leg, at, captured, length := binary.LittleEndian.Uint32(b[8:]), int64(binary.LittleEndian.Uint32(b[12:]))<<32|int64(binary.LittleEndian.Uint32(b[16:])), binary.LittleEndian.Uint32(b[20:]), binary.LittleEndian.Uint32(b[24:])
	missing := segment{length: int(length - captured)}
	f.at = at
	f.count(leg, at, &missing)
	if leg == legFront {
		c := connectionOf(b[enhancedHeadLen:])
		if _, back := sessions[connection{c.to, c.from}]; !back {
			sessions[c] = struct{}{}
		}
	}
}

// connectionOf reads the addresses of a packet that was made here.
func connectionOf(packet []byte) connection {
	size, at, ports := 4, 12, ipv4HeaderLen
	if packet[0]>>4 == 6 {
		size, at, ports = 16, 8, ipv6HeaderLen
	}
	from, _ := netip.AddrFromSlice(packet[at : at+size])
	to, _ := netip.AddrFromSlice(packet[at+size : at+2*size])
	port := func(i int) uint16 { return uint16(packet[i])<<8 | uint16(packet[i+1]) }
	return connection{netip.AddrPortFrom(from, port(ports)), netip.AddrPortFrom(to, port(ports+2))}
}
