package pcapng_test

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/proxy/flow"
)

// A client that reads slowly: the service's leg shows the answer when it was read, the client's when each part of it was
// written, what never was is not shown there, and its FIN comes behind all that was.
func TestLegsShowWhoWaits(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	tap := r.tap("db", "127.0.0.1:40000", front4).SessionTap
	begun := time.Now()
	at := func(ms int) time.Time { return begun.Add(time.Duration(ms) * time.Millisecond) }
	tap.Data(flow.FromClient, at(0), pattern(0, 10))
	tap.Written(flow.FromClient, at(0), 10)
	tap.Data(flow.FromBackend, at(5), pattern(0, 70_000))
	tap.Written(flow.FromBackend, at(6), 1_000)
	tap.Data(flow.FromBackend, at(7), pattern(70_000, 10))
	tap.Shut(flow.FromBackend, at(8))
	tap.Written(flow.FromBackend, at(900), 69_005)
	tap.Written(flow.FromBackend, at(1_000), 5)
	tap.Shut(flow.FromClient, at(1_001))
	tap.Done(at(1_002), fin())
	r.end()
	packets := read(t, r.file("db"))
	follow(t, packets)
	var got []string
	for _, p := range packets {
		if ms := p.at.Sub(begun).Milliseconds(); p.length > 0 || p.tcp.FIN {
			got = append(got, []string{"front ", "back "}[p.leg]+p.String()+" at "+time.Duration(ms*1e6).String())
		}
	}
	want := []string{
		"front > ACK PSH 10 at 0s", "back > ACK PSH 10 at 0s",
		"back < ACK PSH 32768 at 5ms", "back < ACK PSH 32768 at 5ms", "back < ACK PSH 4464 at 5ms",
		"front < ACK PSH 1000 at 6ms", "back < ACK PSH 10 at 7ms", "back < ACK FIN at 8ms",
		"front < ACK PSH 32768 at 900ms", "front < ACK PSH 31768 at 900ms", "front < ACK PSH 4464 at 900ms",
		"front < ACK PSH 5 at 900ms", "front < ACK PSH 5 at 1s", "front < ACK FIN at 1s",
		"front > ACK FIN at 1.001s", "back > ACK FIN at 1.001s",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("packets (-want +got):\n%s", diff)
	}
	tshark(t, r.file("db"))
}

// What was read and could not be written any more is only where it was read.
func TestUnwritten(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	tap := r.tap("db", "127.0.0.1:40000", front4).SessionTap
	tap.Data(flow.FromBackend, time.Now(), pattern(0, 1000))
	tap.Written(flow.FromBackend, time.Now(), 400)
	tap.Done(time.Now(), &flow.Outcome{End: flow.EndReset, EndedBy: flow.SideClient})
	r.end()
	packets := read(t, r.file("db"))
	for leg, want := range []string{"< ACK PSH 400, > ACK RST", "< ACK PSH 1000, > ACK RST"} {
		if got := strings.Join(describe(legOf(leg, packets))[3:], ", "); got != want {
			t.Errorf("leg %d has %s, want %s", leg, got, want)
		}
	}
	if got := r.Stats(); got.Waiting != 0 || got.Used != sizeOf(t, r.dir) {
		t.Errorf("stats: %+v", got)
	}
	tshark(t, r.file("db"))
}

// What lodoor says itself is on the front only, and what it answered goes no further.
func TestAnswered(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	tap := r.tap("db", "127.0.0.1:40000", front4).SessionTap
	tap.Data(flow.FromClient, time.Now(), pattern(0, 20))
	tap.Answered(time.Now(), 8, []byte("N"))
	tap.Written(flow.FromClient, time.Now(), 12)
	tap.Data(flow.FromBackend, time.Now(), []byte("RR"))
	tap.Written(flow.FromBackend, time.Now(), 2)
	if kept, skipped := tap.Done(time.Now(), fin()); kept != 22 || skipped != 0 {
		t.Errorf("kept %d, skipped %d; want what was relayed or taken, 22", kept, skipped)
	}
	r.end()
	var front, back []string
	for _, p := range read(t, r.file("db")) {
		if p.length > 0 {
			said := p.String() + " " + string(p.kept())
			if p.leg == 0 {
				front = append(front, said)
			} else {
				back = append(back, said)
			}
		}
	}
	all := string(pattern(0, 20))
	if diff := cmp.Diff([]string{"> ACK PSH 20 " + all, "< ACK PSH 1 N", "< ACK PSH 2 RR"}, front); diff != "" {
		t.Errorf("front (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"> ACK PSH 12 " + all[8:], "< ACK PSH 2 RR"}, back); diff != "" {
		t.Errorf("back (-want +got):\n%s", diff)
	}
	tshark(t, r.file("db"))
}

// With legs: front there is the client's connection only, and as it saw it.
func TestFrontOnly(t *testing.T) {
	r := newRig(t, pcapng.Config{Settings: pcapng.Settings{Legs: pcapng.LegsFront}})
	tap := r.tap("db", "127.0.0.1:40000", front4)
	tap.Data(flow.FromClient, time.Now(), pattern(0, 10))
	tap.SessionTap.Data(flow.FromBackend, time.Now(), pattern(0, 1000))
	tap.Written(flow.FromBackend, time.Now(), 999)
	tap.Skipped(flow.FromClient, time.Now(), 7)
	tap.Done(time.Now(), &flow.Outcome{End: flow.EndReset, EndedBy: flow.SideBackend})
	r.end()
	packets := read(t, r.file("db"))
	follow(t, packets)
	want := "> SYN, < SYN ACK, > ACK, > ACK PSH 10, < ACK PSH 999, > ACK PSH 7 sliced, < ACK RST"
	if got := strings.Join(describe(packets), ", "); got != want || len(legOf(1, packets)) > 0 {
		t.Errorf("packets %s, want %s", got, want)
	}
	if got := r.Stats(); got.Waiting != 0 || got.Used != sizeOf(t, r.dir) {
		t.Errorf("stats: %+v", got)
	}
}

// A session whose backend was not reached has no leg to it.
func TestNotReached(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	tap := r.Tap(opening("db", "127.0.0.1:40000", front4))
	tap.Done(time.Now(), &flow.Outcome{End: flow.EndDialRefused, EndedBy: flow.SideBackend})
	r.end()
	if got := strings.Join(describe(read(t, r.file("db"))), ", "); got != "> SYN, < SYN ACK, > ACK, < ACK RST" {
		t.Errorf("packets %s", got)
	}
}

// Backends at Unix sockets, and those whose addresses are in the file already when they are reached late, get addresses
// that no host has.
func TestBackendStandIns(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	leg, server := netip.MustParseAddrPort("127.0.0.1:10001"), netip.MustParseAddrPort(back4)
	early := r.Tap(opening("db", "127.0.0.1:40000", front4))
	early.Connected(time.Now(), leg, server)
	early.Done(time.Now(), fin())
	late := r.Tap(opening("db", "127.0.0.1:40001", front4))
	r.Pass()
	late.Connected(time.Now(), leg, server)
	late.Done(time.Now(), fin())
	unix := r.Tap(opening("db", "127.0.0.1:40002", front4))
	unix.Connected(time.Now(), netip.AddrPort{}, netip.AddrPort{})
	unix.Done(time.Now(), fin())
	r.end()
	var got []string
	for _, p := range legOf(1, read(t, r.file("db"))) {
		if p.tcp.SYN && !p.tcp.ACK {
			got = append(got, p.from.String()+" "+p.to.String())
		}
	}
	want := []string{"127.0.0.1:10001 127.0.0.1:5432", "240.0.0.3:1024 240.0.0.4:1", "240.0.0.3:1025 240.0.0.4:1"}
	slices.Sort(got)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("back legs (-want +got):\n%s", diff)
	}
	tshark(t, r.file("db"))
}

// all reads a file's blocks.
func all(t *testing.T, path string) (out []block.Block) {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r := block.NewReader(f)
	for {
		b, err := r.Next()
		if err != nil {
			return out // read sees whether that is the end
		}
		kept := *b // which is valid until the next only
		kept.Raw, kept.Packet.Data = slices.Clone(b.Raw), slices.Clone(b.Packet.Data)
		kept.Packet.Comments = slices.Clone(b.Packet.Comments)
		kept.Names = slices.Clone(b.Names)
		out = append(out, kept)
	}
}

// Whose packets they are: what was known at the beginning, what was found out since, and nothing that could forge it.
func TestComments(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	open := opening("db", "127.0.0.1:40000", front4)
	tap := r.open(open)
	tap.Data(flow.FromClient, time.Now(), pattern(0, 1))
	r.Pass()
	tap.Origin(&flow.Origin{
		Attribution: flow.AttributionLiveSocket, UID: 1000, User: "alice", PID: 42, Program: "ps\"ql\x1b[31m\n\u202e",
	})
	tap.Data(flow.FromClient, time.Now(), pattern(1, 1))
	tap.Data(flow.FromClient, time.Now(), pattern(2, 1))
	tap.Done(time.Now(), fin())
	r.end()
	id := open.Session.String()
	whole := "lodoor session=" + id + ` service="db" verdict=allow rule="builtin.loopback"`
	later := "lodoor session=" + id + ` program="ps\"ql\x1b[31m\n\u202e" user="alice" pid=42`
	var got []string
	for _, row := range tshark(t, r.file("db")) {
		if row.comment != "" {
			got = append(got, row.leg+" "+row.comment)
		}
	}
	if diff := cmp.Diff([]string{"0 " + whole, "1 " + whole, "0 " + later}, got); diff != "" {
		t.Errorf("comments (-want +got):\n%s", diff)
	}
}

// The names of the service's addresses, and at the end what each leg had and what is not whole.
func TestNamesAndStatistics(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	tap := r.tap("db", "[::1]:40000", front6)
	tap.Data(flow.FromClient, time.Now(), pattern(0, 10))
	tap.Skipped(flow.FromBackend, time.Now(), 70_000)
	tap.Done(time.Now(), fin())
	r.end()
	names := map[string]string{}
	var statistics []block.Statistics
	blocks := all(t, r.file("db"))
	for _, b := range blocks {
		for _, n := range b.Names {
			names[n.Addr.String()] = strings.Join(n.Names, " ")
		}
		if b.Kind == block.KindStatistics {
			statistics = append(statistics, b.Statistics)
		}
	}
	if diff := cmp.Diff(map[string]string{"::1": "db", "127.0.0.1": "db"}, names); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	if len(statistics) != 2 || blocks[len(blocks)-1].Kind != block.KindStatistics {
		t.Fatalf("statistics %+v, want those of both legs at the end", statistics)
	}
	packets := read(t, r.file("db"))
	for i, s := range statistics {
		mine := legOf(i, packets)
		if int(s.Interface) != i || s.Received != uint64(len(mine)) || s.Dropped != 2 ||
			!s.Start.Equal(mine[0].at) || !s.End.Equal(mine[len(mine)-1].at) {
			t.Errorf("leg %d has %d packets, its statistics are %+v", i, len(mine), s)
		}
	}
	if said := testkit.Run(t, "capinfos", "-M", r.file("db")); !strings.Contains(said, "Number of stat entries = 1") {
		t.Errorf("capinfos says %s", said)
	}
}
