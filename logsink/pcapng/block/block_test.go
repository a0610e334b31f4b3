package block_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng/block"
)

// part is what of a block is compared.
type part any

// parts reads blocks as far as that goes.
func parts(in io.Reader) (all []part, err error) {
	r := block.NewReader(in)
	for {
		b, err := r.Next()
		if err != nil {
			return all, err
		}
		switch b.Kind {
		case block.KindSection:
			all = append(all, b.Section)
		case block.KindInterface:
			all = append(all, b.Interface)
		case block.KindNames:
			all = append(all, b.Names)
		case block.KindStatistics:
			all = append(all, b.Statistics)
		case block.KindPacket:
			p := b.Packet
			p.Data, p.Comments = bytes.Clone(p.Data), slices.Clone(p.Comments)
			all = append(all, p)
		case block.KindSecrets:
			all = append(all, block.Secrets{Type: b.Secrets.Type, Data: bytes.Clone(b.Secrets.Data)})
		default:
			all = append(all, bytes.Clone(b.Raw))
		}
	}
}

func same(t interface{ Fatalf(string, ...any) }, got, want []part) {
	diff := cmp.Diff(want, got, cmpopts.IgnoreUnexported(block.Interface{}), cmpopts.EquateEmpty(),
		cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(time.Time.Equal))
	if diff != "" {
		t.Fatalf("other blocks were read than written:\n%s", diff)
	}
}

// appendPart appends the block of a part.
func appendPart(b []byte, p part) []byte {
	switch p := p.(type) {
	case block.Section:
		return block.AppendSection(b, &p)
	case block.Interface:
		return block.AppendInterface(b, &p)
	case []block.Name:
		return block.AppendNames(b, p)
	case block.Statistics:
		return block.AppendStatistics(b, &p)
	case block.Packet:
		return block.AppendPacket(b, &p)
	case block.Secrets:
		return block.AppendSecrets(b, &p)
	}
	return append(b, p.([]byte)...)
}

func text() *rapid.Generator[string] { return rapid.StringN(0, -1, 40) }

func moment() *rapid.Generator[time.Time] {
	return rapid.Map(rapid.Int64Range(0, 1<<62), func(ns int64) time.Time { return time.Unix(0, ns) })
}

func drawPart(t *rapid.T) part {
	switch rapid.IntRange(0, 4).Draw(t, "kind") {
	case 0:
		return []block.Name{{
			Addr:  netip.AddrFrom4([4]byte(rapid.SliceOfN(rapid.Byte(), 4, 4).Draw(t, "IPv4"))),
			Names: []string{"db", rapid.StringMatching(`[a-z]{1,9}`).Draw(t, "name")},
		}, {
			Addr: netip.AddrFrom16([16]byte(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "IPv6"))), Names: []string{"x"},
		}}
	case 1:
		s := block.Statistics{
			Interface: 1, At: moment().Draw(t, "at"), Received: rapid.Uint64().Draw(t, "received"), Dropped: 7,
		}
		if rapid.Bool().Draw(t, "span") {
			s.Start, s.End = moment().Draw(t, "start"), moment().Draw(t, "end")
		}
		return s
	case 2:
		data := rapid.SliceOfN(rapid.Byte(), 0, 70).Draw(t, "data")
		return block.Packet{
			Interface: rapid.Uint32Range(0, 1).Draw(t, "interface"), At: moment().Draw(t, "at"), Data: data,
			Length:   uint32(len(data)) + rapid.Uint32Range(0, 9).Draw(t, "missing"),
			Comments: rapid.SliceOfN(rapid.StringN(1, -1, 40), 0, 3).Draw(t, "comments"),
		}
	case 3:
		return block.Secrets{Type: block.SecretsTLS, Data: rapid.SliceOfN(rapid.Byte(), 0, 30).Draw(t, "secrets")}
	}
	unknown := []byte("\xad\x0b\x00\x00\x10\x00\x00\x00\x01\x02\x03\x04\x10\x00\x00\x00")
	return unknown
}

func head(t *rapid.T) []part {
	return []part{
		block.Section{Application: text().Draw(t, "application"), Comment: text().Draw(t, "comment"), Hardware: "h", System: "s"},
		block.Interface{Link: block.LinkRaw, Name: text().Draw(t, "name"), Description: text().Draw(t, "description")},
		block.Interface{Link: block.LinkEthernet, Name: "db back"},
	}
}

// TestRoundTrip writes blocks and reads them, whole and cut at every place: whatever is before the cut is there, and the
// offset of the last whole block is right.
func TestRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := head(t)
		for range rapid.IntRange(0, 6).Draw(t, "blocks") {
			want = append(want, drawPart(t))
		}
		var file []byte
		ends := map[int]int{0: 0} // of whole blocks, to how many they are
		for i, p := range want {
			file = appendPart(file, p)
			ends[len(file)] = i + 1
		}
		got, err := parts(bytes.NewReader(file))
		if !errors.Is(err, io.EOF) {
			t.Fatalf("error %v", err)
		}
		same(t, got, want)

		at := rapid.IntRange(0, len(file)).Draw(t, "cut")
		whole := at
		for _, ok := ends[whole]; !ok; _, ok = ends[whole] {
			whole--
		}
		wantErr := block.ErrTorn
		if whole == at {
			wantErr = io.EOF
		}
		r := block.NewReader(bytes.NewReader(file[:at]))
		n := 0
		for _, err = r.Next(); err == nil; _, err = r.Next() {
			n++
		}
		if !errors.Is(err, wantErr) || r.Whole() != int64(whole) || n != ends[whole] {
			t.Fatalf("cut at %d: %d blocks up to %d, error %v; want %d, %d, %v", at, n, r.Whole(), err, ends[whole], whole, wantErr)
		}
	})
}

// bigEndian is a file as a machine of the other byte order writes it, with times in milliseconds that begin in 2000.
func bigEndian() []byte {
	be := binary.BigEndian
	wrap := func(kind uint32, body ...[]byte) []byte {
		all := bytes.Join(body, nil)
		b := be.AppendUint32(nil, kind)
		b = be.AppendUint32(b, uint32(len(all)+12))
		return be.AppendUint32(append(b, all...), uint32(len(all)+12))
	}
	const from2000 = 946684800
	return slices.Concat(
		wrap(0x0a0d0d0a, []byte{0x1a, 0x2b, 0x3c, 0x4d, 0, 1, 0, 0}, bytes.Repeat([]byte{0xff}, 8), []byte("\x00\x04\x00\x03abc\x00")),
		wrap(1, []byte{0, 101, 0, 0, 0, 0, 0, 0}, []byte("\x00\x09\x00\x01\x03\x00\x00\x00"),
			[]byte("\x00\x0e\x00\x08"), be.AppendUint64(nil, from2000), []byte{0, 0, 0, 0}),
		wrap(6, be.AppendUint32(nil, 0), be.AppendUint64(nil, 1500), be.AppendUint32(nil, 3), be.AppendUint32(nil, 9),
			[]byte("xyz\x00"), []byte("\x00\x01\x00\x02hi\x00\x00\x00\x00\x00\x00")),
	)
}

func TestBigEndian(t *testing.T) {
	got, err := parts(bytes.NewReader(bigEndian()))
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	same(t, got, []part{
		block.Section{Application: "abc"},
		block.Interface{Link: block.LinkRaw},
		block.Packet{
			At: time.Date(2000, 1, 1, 0, 0, 1, 500e6, time.UTC), Data: []byte("xyz"), Length: 9, Comments: []string{"hi"},
		},
	})
}

// TestResolution reads the same moment in the units that it can be told in.
func TestResolution(t *testing.T) {
	want := time.Unix(1<<30, 500e6)
	for _, c := range []struct {
		resolution byte
		units      uint64 // a second
	}{{0x80, 1}, {0, 1}, {1, 10}, {6, 1e6}, {9, 1e9}, {0x80 | 10, 1 << 10}, {0x80 | 30, 1 << 30}} {
		value := uint64(1<<30)*c.units + c.units/2
		if c.units == 1 {
			want = want.Truncate(time.Second)
		} else {
			want = time.Unix(1<<30, 500e6)
		}
		file := block.AppendSection(nil, &block.Section{})
		file = block.AppendInterface(file, &block.Interface{})
		file[bytes.LastIndex(file, []byte{9, 0, 1, 0})+4] = c.resolution
		start := len(file)
		file = block.AppendPacket(file, &block.Packet{})
		binary.LittleEndian.PutUint32(file[start+12:], uint32(value>>32))
		binary.LittleEndian.PutUint32(file[start+16:], uint32(value))
		got, err := parts(bytes.NewReader(file))
		if !errors.Is(err, io.EOF) {
			t.Fatalf("resolution %#x: %v", c.resolution, err)
		}
		if at := got[2].(block.Packet).At; !at.Equal(want) {
			t.Errorf("resolution %#x: %v, want %v", c.resolution, at, want)
		}
	}
}

func TestRefuse(t *testing.T) {
	good := block.AppendSection(nil, &block.Section{Application: "lodoor"})
	change := func(at int, value byte) []byte {
		b := bytes.Clone(good)
		b[at] = value
		return b
	}
	packet := block.AppendPacket(bytes.Clone(good), &block.Packet{Interface: 3})
	claims := block.AppendInterface(bytes.Clone(good), &block.Interface{})
	claims = block.AppendPacket(claims, &block.Packet{Data: []byte("abc")})
	claims[len(claims)-4-4-8] = 5 // the length of what was kept, before the one on the wire
	unit := block.AppendInterface(bytes.Clone(good), &block.Interface{})
	unit[len(unit)-4-4-4] = 25 // the resolution, before the end of options and the length
	for _, c := range []struct {
		what, want string
		file       []byte
	}{
		{"text", "no pcapng file: it begins with 68656c6c", []byte("hello, world")},
		{"libpcap", "no pcapng file: it begins with d4c3b2a1", []byte("\xd4\xc3\xb2\xa1\x02\x00\x04\x00")},
		{"byte order", "byte order cannot be told from 4d3c2bff", change(11, 0xff)},
		{"odd length", "cannot have a length of 65 bytes", change(4, 65)},
		{"long", "expected at most 16777216", change(7, 2)},
		{"lengths", "before it and", change(len(good)-4, 4)},
		{"version", "version 7 of pcapng: expected 1", change(12, 7)},
		{"option", "too short for what it says", change(26, 0xff)},
		{"packet", "too short for what it says", claims},
		{"interface", "interface 3 was not described before", packet},
		{"resolution", "resolution of times of 0x19", unit},
	} {
		_, err := parts(bytes.NewReader(c.file))
		var format *block.FormatError
		if !errors.As(err, &format) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: error %v, want one with %q", c.what, err, c.want)
		}
	}
}

// TestHole reads what a machine's crash can leave: room that was never written.
func TestHole(t *testing.T) {
	file := block.AppendSection(nil, &block.Section{})
	r := block.NewReader(bytes.NewReader(append(file, make([]byte, 4096)...)))
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Next(); !errors.Is(err, block.ErrTorn) || r.Whole() != int64(len(file)) {
		t.Fatalf("error %v, whole up to %d; want torn behind %d", err, r.Whole(), len(file))
	}
}

// TestClaim reads a block that claims to be the longest there can be, and is not there.
func TestClaim(t *testing.T) {
	file := block.AppendSection(nil, &block.Section{})
	file = append(file, 1, 0, 0, 0, 0, 0, 0, 1, 1, 2, 3, 4) // 16 MiB
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := parts(bytes.NewReader(file))
	runtime.ReadMemStats(&after)
	if !errors.Is(err, block.ErrTorn) {
		t.Fatal(err)
	}
	if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20 {
		t.Errorf("%d bytes of memory for a block that is not there", took)
	}
}

// TestInput passes on an error of the input.
func TestInput(t *testing.T) {
	broken := errors.New("broken")
	file := block.AppendSection(nil, &block.Section{})
	for _, n := range []int{0, 5, 20, len(file)} {
		_, err := parts(io.MultiReader(bytes.NewReader(file[:n]), failing{broken}))
		if !errors.Is(err, broken) {
			t.Errorf("after %d bytes: error %v", n, err)
		}
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestShark has every kind of block read by others.
func TestShark(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	syn := []byte("\x45\x00\x00\x28\x00\x00\x40\x00\x40\x06\x00\x00\x7f\x00\x00\x01\x7f\x00\x00\x01" +
		"\x9c\x40\xf5\xad\x00\x00\x00\x01\x00\x00\x00\x00\x50\x02\xff\xff\x00\x00\x00\x00")
	comment := block.Comment{Session: "960xwphqykg5qvrc", Program: "psql", PID: 7}
	var file []byte
	for _, p := range []part{
		block.Section{Application: "lodoor test", Comment: "rebuilt", Hardware: "amd64", System: "linux"},
		block.Interface{Link: block.LinkRaw, Name: "db front", Description: "of clients"},
		[]block.Name{{Addr: netip.MustParseAddr("127.0.0.1"), Names: []string{"db.door"}}},
		block.Secrets{Type: block.SecretsTLS, Data: []byte("CLIENT_RANDOM 00 00\n")},
		block.Packet{At: at, Data: syn, Length: uint32(len(syn)), Comments: []string{comment.String(), "more"}},
		block.Statistics{At: at, Start: at, End: at, Received: 1},
	} {
		file = appendPart(file, p)
	}
	path := filepath.Join(t.TempDir(), "a.pcapng")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	got := testkit.Run(t, "tshark", "-r", path, "-N", "n", "-T", "fields", "-E", "separator=|", "-e", "frame.interface_name",
		"-e", "frame.interface_description", "-e", "frame.time_epoch", "-e", "ip.src_host", "-e", "frame.comment")
	want := `db front|of clients|1767323045.000000006|db.door|` +
		`lodoor session=960xwphqykg5qvrc program="psql" pid=7,more`
	// tshark writes a quote in a field with a backslash since 4.0.
	if strings.ReplaceAll(strings.TrimSpace(got), `\"`, `"`) != want {
		t.Errorf("tshark reads\n%s, want\n%s", got, want)
	}
	info := testkit.Run(t, "capinfos", path)
	for _, want := range []string{"lodoor test", "rebuilt", "amd64", "Number of packets = 1", "decryption secrets in file: 1"} {
		if !strings.Contains(strings.Join(strings.Fields(info), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("capinfos does not know %q:\n%s", want, info)
		}
	}
}

func FuzzReader(f *testing.F) {
	f.Add(bigEndian())
	f.Add(slices.Concat(block.AppendSection(nil, &block.Section{Comment: "c"}), block.AppendInterface(nil, &block.Interface{Name: "n"}),
		block.AppendPacket(nil, &block.Packet{Data: []byte("abc"), Comments: []string{"lodoor session=a"}}),
		block.AppendStatistics(nil, &block.Statistics{Start: time.Unix(1, 2)}),
		block.AppendNames(nil, []block.Name{{Addr: netip.IPv6Loopback(), Names: []string{"a", "b"}}}),
		block.AppendSecrets(nil, &block.Secrets{Data: []byte("k")})))
	f.Fuzz(func(t *testing.T, file []byte) {
		r := block.NewReader(bytes.NewReader(file))
		for {
			before := r.Whole()
			b, err := r.Next()
			if err != nil {
				if r.Whole() != before {
					t.Fatal("a block with an error counts as whole")
				}
				return
			}
			if r.Whole() != before+int64(len(b.Raw)) || !bytes.Equal(b.Raw, file[before:r.Whole()]) {
				t.Fatalf("block from %d to %d is not what stands there", before, r.Whole())
			}
			for _, c := range b.Packet.Comments {
				block.ParseComment(c)
			}
		}
	})
}
