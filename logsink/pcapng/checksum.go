package pcapng

import (
	"encoding/binary"
	"math/bits"
)

// sum is the ones' complement sum of b as 64-bit words, which folds to that of its 16-bit words (RFC 1071, 2).
func sum(b []byte) uint64 {
	var total, carry uint64
	for ; len(b) >= 8; b = b[8:] {
		total, carry = bits.Add64(total, binary.BigEndian.Uint64(b), carry)
	}
	var tail [8]byte
	copy(tail[:], b)
	total, carry = bits.Add64(total, binary.BigEndian.Uint64(tail[:]), carry)
	total, carry = bits.Add64(total, 0, carry)
	return total + carry
}

func fold(n uint64) uint16 {
	for n > 0xffff {
		n = n>>16 + n&0xffff
	}
	return uint16(n)
}
