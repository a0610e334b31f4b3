package pcapng_test

import (
	"bytes"
	"encoding/binary"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/proxy/flow"
)

// goldenFile was written on linux/amd64; LODOOR_GOLDEN=1 writes it again.
const goldenFile = "testdata/conversations.pcapng"

// golden records the conversations of goldenFile: each kind of packet and address, and payloads of which every length
// of padding follows.
func golden(t *testing.T) []byte {
	t.Helper()
	r := newRig(t, pcapng.Config{})
	at := time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)
	clock := func() time.Time {
		at = at.Add(1_234_567 * time.Nanosecond)
		return at
	}
	session := func(n byte, client, front string, o *flow.Outcome) {
		open := opening("db", client, front)
		open.Time = clock()
		copy(open.Session[:], "0123456789abcde")
		open.Session[15] = 'a' + n
		open.Origin = &flow.Origin{Attribution: flow.AttributionLiveSocket, UID: 1000, User: "alice", PID: 4242, Program: "psql"}
		tap := r.open(open)
		var sent [2]uint64
		for i, length := range []int{10, 1, 99, 100, 1001} {
			d := flow.Direction(i % 2)
			tap.Data(d, clock(), pattern(sent[d], length))
			sent[d] += uint64(length)
		}
		tap.Skipped(flow.FromBackend, clock(), 300_000) // so much that some of it is acknowledged
		tap.Data(flow.FromClient, clock(), pattern(sent[flow.FromClient], 2))
		if o.End == flow.EndFIN {
			tap.Shut(flow.FromBackend, clock())
		}
		tap.Done(clock(), o)
	}
	session(1, "127.0.0.1:40000", front4, fin())
	session(2, "[2001:db8::1:2]:65535", "[fe80::1]:62893", fin())
	session(3, "[::1]:40000", front6, &flow.Outcome{End: flow.EndReset, EndedBy: flow.SideBackend})
	session(4, "", "", &flow.Outcome{End: flow.EndReset, EndedBy: flow.SideClient})
	r.end()
	tshark(t, r.file("db"))
	raw, err := os.ReadFile(r.file("db"))
	if err != nil {
		t.Fatal(err)
	}
	return raw
}

// blocks cuts a recording into its blocks, and sees that each has its length before and after it.
func blocks(t *testing.T, raw []byte) [][]byte {
	t.Helper()
	var out [][]byte
	for offset := 0; len(raw) > 0; {
		if len(raw) < 12 {
			t.Fatalf("%d bytes at %d are no block", len(raw), offset)
		}
		n := int(binary.LittleEndian.Uint32(raw[4:]))
		if n < 12 || n%4 != 0 || n > len(raw) || int(binary.LittleEndian.Uint32(raw[n-4:])) != n {
			t.Fatalf("the block at %d has length %d before it", offset, n)
		}
		out = append(out, raw[:n])
		raw, offset = raw[n:], offset+n
	}
	return out
}

// The same conversations make the same bytes as ever. The section header names the system, and is left to
// TestAsGopacketWrites.
func TestGolden(t *testing.T) {
	now := golden(t)
	if os.Getenv("LODOOR_GOLDEN") != "" {
		if err := os.WriteFile(goldenFile, now, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(goldenFile)
	if err != nil {
		t.Fatal(err)
	}
	want, got := blocks(t, raw)[1:], blocks(t, now)[1:]
	if len(got) != len(want) {
		t.Errorf("%d blocks, want %d", len(got), len(want))
	}
	for i := range min(len(got), len(want)) {
		if !bytes.Equal(got[i], want[i]) {
			t.Errorf("block %d:\n%x\nwant\n%x", i+1, got[i], want[i])
		}
	}
}

// What gopacket makes of what it read there is byte for byte the recording again, but for names, statistics and comments,
// which it does not write.
func TestAsGopacketWrites(t *testing.T) {
	raw := golden(t)
	want := blocks(t, rewrite(t, raw))
	got := slices.DeleteFunc(blocks(t, raw), func(b []byte) bool {
		kind := block.Kind(binary.LittleEndian.Uint32(b))
		return kind == block.KindNames || kind == block.KindStatistics
	})
	if len(got) != len(want) {
		t.Fatalf("%d blocks, want %d", len(got), len(want))
	}
	comments := 0
	for i, theirs := range want {
		ours := got[i]
		if more := len(ours) - len(theirs); more > 0 {
			comments++
			ours = append(bytes.Clone(ours[:len(theirs)-4]), theirs[len(theirs)-4:]...)
			copy(ours[4:8], theirs[4:8])
			tail := got[i][len(theirs)-4:]
			if code, n := binary.LittleEndian.Uint16(tail), int(binary.LittleEndian.Uint16(tail[2:])); code != 1 ||
				!strings.HasPrefix(string(tail[4:4+n]), "lodoor ") {
				t.Errorf("block %d has the options %q", i, tail)
			}
		}
		if !bytes.Equal(ours, theirs) {
			t.Errorf("block %d:\n%x\nwant\n%x", i, ours, theirs)
		}
	}
	if comments < 2*4 {
		t.Errorf("%d blocks have comments, want at least one for each leg of 4 sessions", comments)
	}
}

// rewrite reads a recording with gopacket and writes it again with gopacket, headers included.
func rewrite(t *testing.T, raw []byte) []byte {
	t.Helper()
	in, err := pcapgo.NewNgReader(bytes.NewReader(raw), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	face, err := in.Interface(0)
	if err != nil {
		t.Fatal(err)
	}
	var buf bytes.Buffer
	out, err := pcapgo.NewNgWriterInterface(&buf, face, pcapgo.NgWriterOptions{SectionInfo: in.SectionInfo()})
	if err != nil {
		t.Fatal(err)
	}
	back := pcapgo.NgInterface{
		Name: "db back", Description: "lodoor and the service, as the service sees it",
		LinkType: layers.LinkTypeRaw, TimestampResolution: 9,
	}
	if _, err := out.AddInterface(back); err != nil {
		t.Fatal(err)
	}
	packets := 0
	for ; ; packets++ {
		data, info, err := in.ReadPacketData()
		if err != nil {
			break // blocks has seen that all of them are whole
		}
		if err := out.WritePacket(info, remade(t, data, info.Length > info.CaptureLength)); err != nil {
			t.Fatal(err)
		}
	}
	if err := out.Flush(); err != nil || packets < 120 {
		t.Fatalf("%d packets, %v", packets, err)
	}
	return buf.Bytes()
}

// remade takes a packet apart and has gopacket put it together again. Lengths and the checksum of a sliced packet are
// of bytes that are not there.
func remade(t *testing.T, data []byte, sliced bool) []byte {
	t.Helper()
	packet := gopacket.NewPacket(data, layers.LinkTypeRaw, gopacket.Default)
	tcp := packet.Layer(layers.LayerTypeTCP).(*layers.TCP)
	if err := tcp.SetNetworkLayerForChecksum(packet.NetworkLayer()); err != nil {
		t.Fatal(err)
	}
	b := gopacket.NewSerializeBuffer()
	fixed := gopacket.SerializeOptions{FixLengths: !sliced, ComputeChecksums: true}
	asRead := gopacket.SerializeOptions{}
	for _, step := range []struct {
		layer   gopacket.SerializableLayer
		options gopacket.SerializeOptions
	}{
		{gopacket.Payload(tcp.Payload), asRead},
		{tcp, map[bool]gopacket.SerializeOptions{false: fixed, true: asRead}[sliced]},
		{packet.NetworkLayer().(gopacket.SerializableLayer), fixed},
	} {
		if err := step.layer.SerializeTo(b, step.options); err != nil {
			t.Fatal(err)
		}
	}
	return b.Bytes()
}
