// Package capture reads the packets of a host's services as the network carries them: recordings with source: wire.
//
// On Linux it is a packet socket, packet(7), whose packets come through memory that it shares with the kernel
// (PACKET_RX_RING, TPACKET_V3). The socket's own queue would be too small: a packet on lo has up to 64 KiB, and without
// further privileges a queue holds three of them.
package capture

import (
	"net/netip"
	"time"
)

// Config is what a [Capture] is made of.
type Config struct {
	// Interface is the name of the network interface; empty is lo, where this host speaks to itself.
	Interface string
	// Ends are where services listen: fronts and TCP backends. Packets to and from them are captured. An unspecified
	// address, 0.0.0.0 or ::, is every address.
	Ends []netip.AddrPort
	// Snap is how much of each packet is kept, its headers included, in bytes; 0 is all.
	Snap int
	// Memory is how many bytes may wait for Run; what comes beyond is dropped and counted. 0 is 16 MiB. The kernel keeps
	// so much memory for as long as the capture is open.
	Memory int
}

// Packet is one that passed.
type Packet struct {
	// At is when the kernel got it.
	At time.Time
	// Source and Destination are those of its headers.
	Source, Destination netip.AddrPort
	// End is the one of Config.Ends that it goes to or comes from, the first of them when there are several. FromEnd
	// says that it comes from there.
	End     netip.AddrPort
	FromEnd bool
	// Data is the packet from its IP header on, as far as it was kept. It is valid during the call only.
	Data []byte
	// Length is how long the packet was, from its IP header on.
	Length int
}

// Stats are counts since [New].
type Stats struct {
	// Received are the packets that Run was given, or will be. Dropped are those for which there was no room.
	Received, Dropped uint64
}
