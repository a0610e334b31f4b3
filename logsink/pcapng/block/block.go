// Package block writes and reads the blocks of pcapng files, as draft-ietf-opsawg-pcapng describes them, and the comments
// that lodoor puts on packets.
//
// What is written is little-endian, with times in nanoseconds. Both byte orders and every resolution are read. The
// packets' own writer stands in package pcapng, where they are built in place.
package block

import "encoding/binary"

// Kind is a block's type (11.1).
type Kind uint32

// The kinds that are written, or understood when they are read.
const (
	KindSection    Kind = 0x0a0d0d0a
	KindInterface  Kind = 1
	KindNames      Kind = 4
	KindStatistics Kind = 5
	KindPacket     Kind = 6
	KindSecrets    Kind = 10
)

// The options' codes (3.5, 4.1 to 4.6). Those behind the first two mean something else in each kind of block.
const (
	OptionEnd     uint16 = 0
	OptionComment uint16 = 1

	optionHardware    uint16 = 2 // of a section
	optionSystem      uint16 = 3
	optionApplication uint16 = 4

	optionName        uint16 = 2 // of an interface
	optionDescription uint16 = 3
	optionResolution  uint16 = 9
	optionOffset      uint16 = 14

	optionStart    uint16 = 2 // of statistics
	optionEndTime  uint16 = 3
	optionReceived uint16 = 4
	optionDropped  uint16 = 5
)

const (
	byteOrder                  = 0x1a2b3c4d
	majorVersion, minorVersion = 1, 0
	lengthUnknown              = 1<<64 - 1
	// nanoseconds is the resolution of times: a byte, the negative power of ten.
	nanoseconds = 9
	// maxOption is the length of an option's value, which has 16 bits.
	maxOption = 1<<16 - 1
)

func begin(b []byte, kind Kind) []byte {
	b = binary.LittleEndian.AppendUint32(b, uint32(kind))
	return append(b, 0, 0, 0, 0) // length, which end knows
}

// end puts the length of the block that began at start before it and after it.
func end(b []byte, start int) []byte {
	length := uint32(len(b) - start + 4)
	binary.LittleEndian.PutUint32(b[start+4:], length)
	return binary.LittleEndian.AppendUint32(b, length)
}

// AppendOption appends an option. What does not fit into its 65,535 bytes is cut off.
func AppendOption(b []byte, code uint16, value string) []byte {
	value = value[:min(len(value), maxOption)]
	b = binary.LittleEndian.AppendUint16(b, code)
	b = binary.LittleEndian.AppendUint16(b, uint16(len(value)))
	return AppendPadding(append(b, value...), len(value))
}

// appendText appends an option unless it has no value.
func appendText(b []byte, code uint16, value string) []byte {
	if value == "" {
		return b
	}
	return AppendOption(b, code, value)
}

// AppendPadding fills n bytes up to whole words of 32 bits.
func AppendPadding(b []byte, n int) []byte { return append(b, make([]byte, Padding(n))...) }

// Padding is how many bytes n lacks to whole words of 32 bits.
func Padding(n int) int { return -n & 3 }
