package capture

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	defaultInterface = "lo"
	defaultMemory    = 16 << 20
)

// Capture is a packet socket and the memory that it fills.
type Capture struct {
	name string // the interface's
	snap int
	ends atomic.Pointer[ends]

	file   *os.File
	socket syscall.RawConn
	ring   ring

	received atomic.Uint64
	mu       sync.Mutex
	dropped  uint64
}

// New opens a capture. From then on packets wait for [Capture.Run].
//
// It needs CAP_NET_RAW in the network namespace that it is made in, and Linux 4.20.
func New(c Config) (*Capture, error) {
	if c.Interface == "" {
		c.Interface = defaultInterface
	}
	k := &Capture{name: c.Interface, snap: c.Snap}
	if err := k.open(c); err != nil {
		return nil, fmt.Errorf("capture packets on %s: %w", c.Interface, err)
	}
	return k, nil
}

func (k *Capture) open(c Config) error {
	blocks, err := c.blocks()
	if err != nil {
		return err
	}
	listening, err := newEnds(c.Ends)
	if err != nil {
		return err
	}
	link, err := net.InterfaceByName(c.Interface)
	if err != nil {
		return fmt.Errorf("%w: expected a network interface of this host", err)
	}
	fd, err := openSocket()
	if err != nil {
		return err
	}
	k.file = os.NewFile(uintptr(fd), "packets of "+c.Interface) // from here on a close of the file closes it
	if k.socket, err = k.file.SyscallConn(); err == nil {
		err = k.control(func(fd int) (err error) {
			if k.ring, err = mapRing(fd, blocks); err != nil {
				return err
			}
			if err = attach(fd, listening.ports(), c.Snap); err != nil {
				return err
			}
			return bind(fd, link)
		})
	}
	if err != nil {
		return errors.Join(err, k.Close())
	}
	k.ends.Store(&listening)
	return nil
}

// Watch captures packets of other ends from now on.
func (k *Capture) Watch(all []netip.AddrPort) error {
	listening, err := newEnds(all)
	if err == nil {
		err = k.control(func(fd int) error { return attach(fd, listening.ports(), k.snap) })
	}
	if err != nil {
		return fmt.Errorf("capture packets on %s: %w", k.name, err)
	}
	k.ends.Store(&listening)
	return nil
}

// Run gives take each packet, in the order in which the kernel got them, up to 50 ms after that. When ctx is done it gives
// those that had come before, and ends without an error. An error says that the interface has gone.
func (k *Capture) Run(ctx context.Context, take func(Packet)) error {
	if err := k.file.SetReadDeadline(time.Time{}); err != nil {
		return fmt.Errorf("capture packets on %s: %w", k.name, err)
	}
	// What has come by now is handed over by the kernel within one period, full or not.
	stop := context.AfterFunc(ctx, func() { _ = k.file.SetReadDeadline(time.Now().Add(2 * retire)) })
	defer stop()
	for {
		var gone error
		err := k.socket.Read(func(fd uintptr) bool {
			if k.block(take) {
				return true
			}
			gone = pending(int(fd))
			return gone != nil
		})
		switch {
		case errors.Is(err, os.ErrDeadlineExceeded):
			for range k.ring.count() {
				k.block(take)
			}
			return nil
		case err != nil || gone != nil:
			return fmt.Errorf("capture packets on %s: %w", k.name, errors.Join(err, gone))
		}
	}
}

// block gives the packets of the next block that the kernel has filled, and says whether there was one.
func (k *Capture) block(take func(Packet)) bool {
	return k.ring.next(func(p Packet) {
		var ok bool
		if p.Source, p.Destination, ok = addresses(p.Data); ok && k.ends.Load().find(&p) {
			k.received.Add(1)
			take(p)
		}
	})
}

// Stats are the counts so far.
func (k *Capture) Stats() (Stats, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var since uint64
	err := k.control(func(fd int) (err error) {
		since, err = drops(fd)
		return err
	})
	if err != nil {
		return Stats{}, fmt.Errorf("count the packets on %s: %w", k.name, err)
	}
	k.dropped += since
	return Stats{Received: k.received.Load(), Dropped: k.dropped}, nil
}

// Close ends the capture. Run must have returned.
func (k *Capture) Close() error {
	return errors.Join(k.file.Close(), k.ring.unmap())
}

func (k *Capture) control(f func(fd int) error) error {
	var err error
	if outer := k.socket.Control(func(fd uintptr) { err = f(int(fd)) }); outer != nil {
		return outer
	}
	return err
}
