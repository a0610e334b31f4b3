package pcapng

import (
	"encoding/binary"
	"math/bits"
)

// sum is the ones' complement sum of b as 16-bit words in network order (RFC 1071, 1). It is taken of 64-bit words in
// this machine's order, which folds to the same but for the order of its two bytes (2, B and C there), and eight at a
// time, so that they are one chain of additions with carry.
func sum(b []byte) uint64 {
	le := binary.LittleEndian
	var total, carry uint64
	for ; len(b) >= 64; b = b[64:] {
		w := b[:64]
		total, carry = bits.Add64(total, le.Uint64(w), carry)
		total, carry = bits.Add64(total, le.Uint64(w[8:]), carry)
		total, carry = bits.Add64(total, le.Uint64(w[16:]), carry)
		total, carry = bits.Add64(total, le.Uint64(w[24:]), carry)
		total, carry = bits.Add64(total, le.Uint64(w[32:]), carry)
		total, carry = bits.Add64(total, le.Uint64(w[40:]), carry)
		total, carry = bits.Add64(total, le.Uint64(w[48:]), carry)
		total, carry = bits.Add64(total, le.Uint64(w[56:]), carry)
	}
	for ; len(b) >= 8; b = b[8:] {
		total, carry = bits.Add64(total, le.Uint64(b), carry)
	}
	var tail [8]byte
	copy(tail[:], b)
	total, carry = bits.Add64(total, le.Uint64(tail[:]), carry)
	total, carry = bits.Add64(total, 0, carry)
	return uint64(bits.ReverseBytes16(fold(total + carry)))
}

func fold(n uint64) uint16 {
	for n > 0xffff {
		n = n>>16 + n&0xffff
	}
	return uint16(n)
}
