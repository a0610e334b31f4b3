package origin

import (
	"encoding/binary"
	"net/netip"
)

// The tables of GetExtendedTcpTable with TCP_TABLE_OWNER_PID_CONNECTIONS: a number of rows and the rows, in the
// machine's own order of bytes but for addresses and ports (MIB_TCPROW_OWNER_PID and MIB_TCP6ROW_OWNER_PID of tcpmib.h).
const (
	rowsAt  = 4
	rowLen  = 24 // state, local address, local port, remote address, remote port, process
	row6Len = 56 // local address, scope, port, remote address, scope, port, state, process
)

// addTable4 adds the rows of a table of IPv4 connections. Rows that are cut off are left out.
func (o ownership) addTable4(b []byte) {
	for row := range rows(b, rowLen) {
		o.add(ends{
			netip.AddrPortFrom(netip.AddrFrom4([4]byte(row[4:])), tablePort(row[8:])),
			netip.AddrPortFrom(netip.AddrFrom4([4]byte(row[12:])), tablePort(row[16:])),
		}, int(binary.NativeEndian.Uint32(row[20:])))
	}
}

// addTable6 adds the rows of a table of IPv6 connections, those of IPv4 by an IPv6 socket among them.
func (o ownership) addTable6(b []byte) {
	for row := range rows(b, row6Len) {
		o.add(ends{
			netip.AddrPortFrom(netip.AddrFrom16([16]byte(row[0:])), tablePort(row[20:])),
			netip.AddrPortFrom(netip.AddrFrom16([16]byte(row[24:])), tablePort(row[44:])),
		}, int(binary.NativeEndian.Uint32(row[52:])))
	}
}

// tablePort is in the first two of four bytes, as on the wire.
func tablePort(b []byte) uint16 { return binary.BigEndian.Uint16(b) }

func rows(b []byte, length int) func(yield func([]byte) bool) {
	return func(yield func([]byte) bool) {
		if len(b) < rowsAt {
			return
		}
		n := binary.NativeEndian.Uint32(b)
		for b = b[rowsAt:]; n > 0 && len(b) >= length && yield(b[:length]); n-- {
			b = b[length:]
		}
	}
}
