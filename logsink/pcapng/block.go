package pcapng

import (
	"encoding/binary"
	"runtime"
)

// The blocks and options that a recording has, and their fields' values (draft-ietf-opsawg-pcapng, 3.5 and 4).
// All numbers are little-endian.
const (
	blockSection   = 0x0a0d0d0a
	blockInterface = 1
	blockPacket    = 6

	optionEnd         = 0
	optionComment     = 1
	optionHardware    = 2 // of a section
	optionSystem      = 3
	optionApplication = 4
	optionName        = 2 // of an interface
	optionResolution  = 9

	byteOrder                  = 0x1a2b3c4d
	majorVersion, minorVersion = 1, 0
	lengthUnknown              = 1<<64 - 1
	// linkTypeRaw is of packets that begin with their IPv4 or IPv6 header (LINKTYPE_RAW).
	linkTypeRaw = 101
	// nanoseconds is the resolution of times: a byte, the negative power of ten.
	nanoseconds = "\x09"
)

// rebuilt is the section header's comment.
const rebuilt = "rebuilt from the relay's reads: no retransmissions, no real windows"

// appendSection appends a Section Header Block (4.1).
func appendSection(b []byte, application string) []byte {
	le := binary.LittleEndian
	start := len(b)
	b = beginBlock(b, blockSection)
	b = le.AppendUint32(b, byteOrder)
	b = le.AppendUint16(b, majorVersion)
	b = le.AppendUint16(b, minorVersion)
	b = le.AppendUint64(b, lengthUnknown)
	b = appendOption(b, optionApplication, application)
	b = appendOption(b, optionComment, rebuilt)
	b = appendOption(b, optionHardware, runtime.GOARCH)
	b = appendOption(b, optionSystem, runtime.GOOS)
	return endBlock(appendOption(b, optionEnd, ""), start)
}

// appendInterface appends an Interface Description Block (4.2).
func appendInterface(b []byte, name string) []byte {
	le := binary.LittleEndian
	start := len(b)
	b = beginBlock(b, blockInterface)
	b = le.AppendUint16(b, linkTypeRaw)
	b = le.AppendUint16(b, 0) // reserved
	b = le.AppendUint32(b, 0) // packets may be of any length
	b = appendOption(b, optionName, name)
	b = appendOption(b, optionResolution, nanoseconds)
	return endBlock(appendOption(b, optionEnd, ""), start)
}

func beginBlock(b []byte, kind uint32) []byte {
	b = binary.LittleEndian.AppendUint32(b, kind)
	return append(b, 0, 0, 0, 0) // length, which endBlock knows
}

// endBlock puts the length of the block that began at start before it and after it.
func endBlock(b []byte, start int) []byte {
	length := uint32(len(b) - start + 4)
	binary.LittleEndian.PutUint32(b[start+4:], length)
	return binary.LittleEndian.AppendUint32(b, length)
}

func appendOption(b []byte, code uint16, value string) []byte {
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return appendPadding(append(b, value...), len(value))
}

// appendPadding fills n bytes up to whole words of 32 bits.
func appendPadding(b []byte, n int) []byte { return append(b, make([]byte, padding(n))...) }

func padding(n int) int { return -n & 3 }
