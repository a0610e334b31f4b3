package origin

import (
	"encoding/binary"
	"encoding/hex"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
)

// The bytes were laid out by hand from tcpmib.h, for a little-endian machine: all that Windows runs on.
const (
	table4 = "02000000" +
		"05000000 7f000001 c3500000 7f000001 15380000 d2040000" + // ESTABLISHED, 50000 to 5432, process 1234
		"0b000000 7f000001 c3510000 7f000001 15380000 00000000" // TIME_WAIT: nobody's
	table6 = "02000000" +
		"00000000000000000000000000000001 00000000 c3500000" +
		"00000000000000000000000000000001 00000000 15380000 05000000 d2040000" +
		"00000000000000000000ffff7f000001 00000000 c3520000" +
		"00000000000000000000ffff7f000001 00000000 15380000 05000000 d3040000"
)

func TestTables(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		testkit.Missing(t, "the bytes of this test are those of a little-endian machine")
	}
	four, six := unhex(t, table4), unhex(t, table6)
	at := func(local, remote string) ends {
		return ends{netip.MustParseAddrPort(local), netip.MustParseAddrPort(remote)}
	}
	got := ownership{}
	got.addTable4(four)
	got.addTable6(six)
	want := ownership{
		at("127.0.0.1:50000", "127.0.0.1:5432"): {1234}, at("[::1]:50000", "[::1]:5432"): {1234},
		at("127.0.0.1:50002", "127.0.0.1:5432"): {1235},
	}
	if !equalOwners(got, want) {
		t.Errorf("%v; want %v", got, want)
	}
	for n := range four { // cut off anywhere, nothing is made up
		cut := ownership{}
		cut.addTable4(four[:n])
		if len(cut) > 1 || len(cut) == 1 && n < rowsAt+rowLen {
			t.Errorf("%d bytes: %v", n, cut)
		}
	}
}

func equalOwners(a, b ownership) bool { return maps.EqualFunc(a, b, slices.Equal[[]int]) }

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}
