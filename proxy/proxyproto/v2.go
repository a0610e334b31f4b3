package proxyproto

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/netip"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Values of the 13th and the 14th byte, and of the type of an extension.
const (
	commandLocal = 0x20 // version 2, the proxy's own connection
	commandProxy = 0x21
	familyUnspec = 0x00
	familyTCP4   = 0x11
	familyTCP6   = 0x21
	familyUnix   = 0x31
	typeCRC32C   = 0x03
)

// parseV2 reads the binary header.
func parseV2(b []byte) (n int, c *flow.Conveyed, err error) {
	if len(b) > 12 && b[12] != commandLocal && b[12] != commandProxy {
		return 0, nil, fmt.Errorf("a PROXY header of unknown version or command %#02x", b[12])
	}
	if len(b) < fixedV2 {
		return 0, nil, nil
	}
	n = fixedV2 + int(binary.BigEndian.Uint16(b[14:]))
	switch {
	case n > MaxHeader:
		return 0, nil, fmt.Errorf("a PROXY header of %d bytes; lodoor takes %d", n, MaxHeader)
	case len(b) < n:
		return 0, nil, nil
	case b[12] == commandLocal: // all that follows is to be ignored
		return n, nil, nil
	}
	if c, err = parseBlock(b[:n]); err != nil {
		return 0, nil, err
	}
	return n, c, nil
}

// parseBlock reads what is behind the fixed part of a whole header.
func parseBlock(b []byte) (c *flow.Conveyed, err error) {
	family, block := b[13], b[fixedV2:]
	size, ok := blockSize(family)
	switch {
	case !ok:
		return nil, fmt.Errorf("a PROXY header of a family and transport that TCP has not: %#02x", family)
	case family == familyUnspec:
		return nil, nil
	case len(block) < size:
		return nil, fmt.Errorf("a PROXY header with %d bytes for addresses that need %d", len(block), size)
	}
	if err := checkExtensions(b, fixedV2+size); err != nil {
		return nil, fmt.Errorf("a malformed PROXY header: %w", err)
	}
	if family == familyUnix {
		return nil, nil
	}
	width := (size - 4) / 2
	client, _ := netip.AddrFromSlice(block[:width]) // 4 or 16 bytes
	server, _ := netip.AddrFromSlice(block[width : 2*width])
	ports := block[2*width:]
	return newConveyed(2, client, server, binary.BigEndian.Uint16(ports), binary.BigEndian.Uint16(ports[2:])), nil
}

// blockSize is how long the addresses of a family are.
func blockSize(family byte) (size int, ok bool) {
	switch family {
	case familyUnspec:
		return 0, true
	case familyTCP4:
		return 2*4 + 4, true
	case familyTCP6:
		return 2*16 + 4, true
	case familyUnix:
		return 2 * 108, true
	}
	return 0, false
}

// checkExtensions goes over the extensions (TLVs) of a whole header from the index at on. None is used; a checksum is
// compared.
func checkExtensions(b []byte, at int) error {
	for at < len(b) {
		if len(b)-at < 3 {
			return errors.New("an extension is cut off")
		}
		kind, value := b[at], at+3
		at = value + int(binary.BigEndian.Uint16(b[at+1:]))
		switch {
		case at > len(b):
			return errors.New("an extension is cut off")
		case kind == typeCRC32C && at-value != 4:
			return errors.New("the checksum has not four bytes")
		case kind == typeCRC32C && binary.BigEndian.Uint32(b[value:]) != checksum(b, value):
			return errors.New("the checksum is wrong")
		}
	}
	return nil
}

// checksum is CRC-32C of the header with zeros where the checksum is.
func checksum(b []byte, at int) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli) // made once by the library
	sum := crc32.Update(0, table, b[:at])
	sum = crc32.Update(sum, table, make([]byte, 4))
	return crc32.Update(sum, table, b[at+4:])
}

// missingV2 is how many bytes there are at least behind b.
func missingV2(b []byte) int {
	if len(b) < fixedV2 {
		return fixedV2 - len(b)
	}
	n := fixedV2 + int(binary.BigEndian.Uint16(b[14:]))
	return max(1, n-len(b))
}
