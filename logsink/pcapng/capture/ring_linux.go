package capture

import (
	"encoding/binary"
	"fmt"
	"os"
	"sync/atomic"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	// blockSize holds several packets of the largest size, 64 KiB, and one of those that "BIG TCP" makes.
	blockSize  = 1 << 20
	minBlocks  = 2
	maxMemory  = 1 << 30
	retire     = 50 * time.Millisecond // how long the kernel fills a block before it hands it over as it is
	frameAlign = 2048                  // only their number is looked at, TPACKET_V3 packs packets closely
)

// ring is memory that is shared with the kernel: blocks that it fills with packets and hands over, one after the other.
// The layout is that of Documentation/networking/packet_mmap.rst and linux/if_packet.h.
type ring struct {
	memory []byte
	turn   int // the block that comes next
}

// blocks is how many make up the memory that was asked for.
func (c *Config) blocks() (int, error) {
	switch {
	case c.Memory == 0:
		return defaultMemory / blockSize, nil
	case c.Memory < 0 || c.Memory > maxMemory:
		return 0, fmt.Errorf("%d bytes of memory: expected at most 1 GiB", c.Memory)
	}
	return max(minBlocks, (c.Memory+blockSize-1)/blockSize), nil
}

// mapRing makes a ring of a socket that is not bound yet.
func mapRing(fd, blocks int) (ring, error) {
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_VERSION, unix.TPACKET_V3); err != nil {
		return ring{}, os.NewSyscallError("setsockopt PACKET_VERSION", err)
	}
	err := unix.SetsockoptTpacketReq3(fd, unix.SOL_PACKET, unix.PACKET_RX_RING, &unix.TpacketReq3{
		Block_size: blockSize, Block_nr: uint32(blocks),
		Frame_size: frameAlign, Frame_nr: uint32(blocks) * (blockSize / frameAlign),
		Retire_blk_tov: uint32(retire.Milliseconds()),
	})
	if err != nil {
		return ring{}, os.NewSyscallError("setsockopt PACKET_RX_RING", err)
	}
	memory, err := unix.Mmap(fd, 0, blocks*blockSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return ring{}, os.NewSyscallError("mmap", err)
	}
	return ring{memory: memory}, nil
}

func (r *ring) unmap() error {
	if r.memory == nil {
		return nil
	}
	err := unix.Munmap(r.memory)
	r.memory = nil
	return os.NewSyscallError("munmap", err)
}

func (r *ring) count() int { return len(r.memory) / blockSize }

// next gives the packets of the next block and hands it back, and says false when the kernel has not filled it yet.
func (r *ring) next(take func(Packet)) bool {
	b := r.memory[r.turn*blockSize:][:blockSize]
	// struct tpacket_block_desc: version, offset_to_priv; then struct tpacket_hdr_v1: block_status, num_pkts,
	// offset_to_first_pkt. The kernel writes the status last.
	status := (*uint32)(unsafe.Pointer(&b[8])) //nolint:gosec // shared with the kernel, which asks for an atomic access
	if atomic.LoadUint32(status)&unix.TP_STATUS_USER == 0 {
		return false
	}
	at := word(b, 16)
	for range word(b, 12) {
		p := b[at:]
		take(packetIn(p))
		at += word(p, 0)
	}
	atomic.StoreUint32(status, unix.TP_STATUS_KERNEL)
	r.turn = (r.turn + 1) % r.count()
	return true
}

// packetIn is the packet behind a struct tpacket3_hdr: next_offset, sec, nsec, snaplen, len, status, then mac, where its
// data begins.
func packetIn(b []byte) Packet {
	begin := uint32(binary.NativeEndian.Uint16(b[24:]))
	return Packet{
		At:     time.Unix(int64(word(b, 4)), int64(word(b, 8))),
		Data:   b[begin : begin+word(b, 12)],
		Length: int(word(b, 16)),
	}
}

func word(b []byte, at int) uint32 { return binary.NativeEndian.Uint32(b[at:]) }
