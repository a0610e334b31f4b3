package pcapng

import (
	"encoding/binary"

	"github.com/google/gopacket"
)

// commentedPacket is an Enhanced Packet Block with a comment (pcapng, 4.3 and 3.5), which NgWriter does not write.
func commentedPacket(ci gopacket.CaptureInfo, packet []byte, comment string) []byte {
	const enhancedPacket, optionComment = 6, 1
	at := uint64(ci.Timestamp.UnixNano())
	le := binary.LittleEndian
	b := le.AppendUint32(nil, enhancedPacket)
	b = le.AppendUint32(b, 0) // length, below
	b = le.AppendUint32(b, 0) // interface
	b = le.AppendUint32(b, uint32(at>>32))
	b = le.AppendUint32(b, uint32(at))
	b = le.AppendUint32(b, uint32(ci.CaptureLength))
	b = le.AppendUint32(b, uint32(ci.Length))
	b = pad(append(b, packet...))
	b = le.AppendUint16(b, optionComment)
	b = le.AppendUint16(b, uint16(len(comment)))
	b = pad(append(b, comment...))
	b = le.AppendUint32(b, 0) // end of options
	length := uint32(len(b) + 4)
	le.PutUint32(b[4:], length)
	return le.AppendUint32(b, length)
}

func pad(b []byte) []byte {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	return b
}
