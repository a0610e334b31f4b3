package pcapng_test

import (
	"bytes"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/policy"
	"github.com/lodoor/lodoor/proxy/flow"
)

// One session, from the handshake to the end, as the file tells it.
func TestSession(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	begun := time.Now()
	tap := r.tap("db", "127.0.0.1:40000", front4)
	tap.Data(flow.FromClient, time.Now(), pattern(0, 10))
	tap.Data(flow.FromBackend, time.Now(), pattern(0, 70_000))
	tap.Skipped(flow.FromBackend, time.Now(), 100_000)
	tap.Shut(flow.FromClient, time.Now())
	tap.Data(flow.FromBackend, time.Now(), pattern(170_000, 5))
	tap.Shut(flow.FromBackend, time.Now())
	kept, skipped := tap.Done(time.Now(), fin())
	if kept != 70_015 || skipped != 100_000 {
		t.Errorf("kept %d, skipped %d; want 70015 and 100000", kept, skipped)
	}
	r.end()
	all := read(t, r.file("db"))
	follow(t, all)
	packets := legOf(0, all)
	want := []string{
		"> SYN", "< SYN ACK", "> ACK",
		"> ACK PSH 10", "< ACK PSH 32768", "< ACK PSH 32768", "< ACK PSH 4464", "< ACK PSH 65495 sliced",
		"< ACK PSH 34505 sliced", "> ACK FIN", "< ACK", "< ACK PSH 5", "< ACK FIN", "> ACK",
	}
	if diff := cmp.Diff(want, describe(packets)); diff != "" {
		t.Errorf("packets (-want +got):\n%s", diff)
	}
	// The backend's FIN came last, and so it is on its own leg.
	if diff := cmp.Diff(want, describe(legOf(1, all))); diff != "" {
		t.Errorf("packets of the back leg (-want +got):\n%s", diff)
	}
	for i, p := range packets {
		if p.at.Before(begun.Round(0)) || p.at.After(time.Now()) || i > 0 && p.at.Before(packets[i-1].at) {
			t.Errorf("packet %d is of %v", i, p.at)
		}
	}
	got := r.Stats()
	if got.Sessions != 1 || got.Files != 1 || got.Kept != 70_015 || got.Skipped != 100_000 || got.Lost != 0 ||
		got.Waiting != 0 || got.Used != sizeOf(t, r.dir) {
		t.Errorf("stats: %+v", got)
	}
}

// The ends, after a session in which nothing was said.
func TestEnds(t *testing.T) {
	for _, tc := range []struct {
		name string
		o    *flow.Outcome
		want string // on the front
		back string
	}{
		{"fin", fin(), "> ACK FIN, < ACK, < ACK FIN, > ACK", "> ACK FIN, < ACK, < ACK FIN, > ACK"},
		{"client resets", &flow.Outcome{End: flow.EndReset, EndedBy: flow.SideClient}, "> ACK RST", "> ACK RST"},
		{"backend resets", &flow.Outcome{End: flow.EndReset, EndedBy: flow.SideBackend}, "< ACK RST", "< ACK RST"},
		{"killed", &flow.Outcome{End: flow.EndKilled, EndedBy: flow.SideLodoor}, "< ACK RST", "> ACK RST"},
		{"client gone", &flow.Outcome{End: flow.EndClientGone, EndedBy: flow.SideClient}, "> ACK RST", "> ACK RST"},
		{"unknown", nil, "< ACK RST", "> ACK RST"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := newRig(t, pcapng.Config{})
			r.tap("db", "[::1]:40000", front6).Done(time.Now(), tc.o)
			r.end()
			packets := read(t, r.file("db"))
			follow(t, packets)
			for leg, want := range []string{tc.want, tc.back} {
				if got := strings.Join(describe(legOf(leg, packets))[3:], ", "); got != want {
					t.Errorf("the end of leg %d is %s, want %s", leg, got, want)
				}
			}
		})
	}
}

func describe(packets []packet) []string {
	var out []string
	for i := range packets {
		out = append(out, packets[i].String())
	}
	return out
}

func TestUnixClientsGetStandIns(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	for range 3 {
		r.tap("db", "", "").Done(time.Now(), fin())
	}
	r.end()
	clients := map[netip.AddrPort]bool{}
	for _, p := range read(t, r.file("db")) {
		if p.to == netip.MustParseAddrPort("240.0.0.2:1") {
			clients[p.from] = true
		}
	}
	want := map[netip.AddrPort]bool{
		netip.MustParseAddrPort("240.0.0.1:1024"): true,
		netip.MustParseAddrPort("240.0.0.1:1025"): true,
		netip.MustParseAddrPort("240.0.0.1:1026"): true,
	}
	if diff := cmp.Diff(want, clients, cmp.Comparer(func(a, b netip.AddrPort) bool { return a == b })); diff != "" {
		t.Errorf("clients (-want +got):\n%s", diff)
	}
}

// Mapped addresses, as a dual-stack listener sees them, are recorded as what they are.
func TestMappedAddresses(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	r.tap("db", "[::ffff:127.0.0.1]:40000", "[::ffff:127.0.0.1]:62893").Done(time.Now(), fin())
	r.end()
	if p := read(t, r.file("db"))[0]; p.from != netip.MustParseAddrPort("127.0.0.1:40000") {
		t.Errorf("client is %v", p.from)
	}
}

func TestSectionHeader(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	r.tap("db", "127.0.0.1:40000", front4).Done(time.Now(), fin())
	r.end()
	f, err := os.Open(r.file("db"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	reader, err := pcapgo.NewNgReader(f, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	want := pcapgo.NgSectionInfo{
		Hardware: runtime.GOARCH, OS: runtime.GOOS, Application: "lodoor v1.2.3",
		Comment: "rebuilt from the relay's reads: no retransmissions, no real windows",
	}
	if diff := cmp.Diff(want, reader.SectionInfo()); diff != "" {
		t.Errorf("section (-want +got):\n%s", diff)
	}
	i, err := reader.Interface(0)
	if err != nil || i.Name != "db front" || i.LinkType != layers.LinkTypeRaw || i.TimestampResolution != 9 {
		t.Errorf("interface %+v, %v", i, err)
	}
}

// What is recorded is for its owner's eyes, and nothing that was there is written over.
func TestFiles(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	for range 2 {
		r := newRig(t, pcapng.Config{Settings: pcapng.Settings{Dir: dir}})
		for _, service := range []string{"db", "../etc/x", ".."} {
			r.tap(service, "127.0.0.1:40000", front4).Done(time.Now(), fin())
		}
		r.end()
	}
	list, err := os.ReadDir(dir)
	if err != nil || len(list) != 6 {
		t.Fatalf("%d files, %v; want 6", len(list), err)
	}
	for _, e := range list {
		info, err := e.Info()
		if err != nil || info.Mode() != 0o600 {
			t.Errorf("%s: mode %v, %v", e.Name(), info.Mode(), err)
		}
		if n := len(read(t, filepath.Join(dir, e.Name()))); n != 14 {
			t.Errorf("%s: %d packets, want 14", e.Name(), n)
		}
	}
	if info, err := os.Stat(dir); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("directory: mode %v, %v", info.Mode(), err)
	}
}

// A client's address and port stand for one session in one file; a session that runs goes on in its own.
func TestPortsThatComeAgain(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	long := r.tap("db", "127.0.0.1:39999", front4)
	for range 3 {
		tap := r.tap("db", "127.0.0.1:40000", front4)
		tap.Data(flow.FromClient, time.Now(), pattern(0, 3))
		tap.Done(time.Now(), fin())
	}
	long.Data(flow.FromClient, time.Now(), pattern(0, 5))
	long.Done(time.Now(), fin())
	r.end()
	var short, whole int
	files := r.files("db")
	starts := map[uint32]bool{} // of sequence numbers, so that the files may be merged
	for _, file := range files {
		packets := read(t, file)
		for _, p := range packets {
			if p.tcp.SYN {
				starts[p.tcp.Seq] = true
			}
		}
		for w, f := range follow(t, packets) {
			switch {
			case w.from.Port() == 40000 && f.kept == 3 && f.fin:
				short++
			case w.from.Port() == 39999 && f.kept == 5 && f.fin:
				whole++
			}
		}
	}
	if len(files) != 3 || short != 3 || whole != 1 {
		t.Errorf("%d files, %d short sessions, %d long ones; want 3, 3, 1", len(files), short, whole)
	}
	if len(starts) != 16 {
		t.Errorf("both legs of 4 sessions begin at %d sequence numbers, want 16", len(starts))
	}
}

// While it runs, a recording is at most a moment behind and can be read.
func TestReadableWhileRunning(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	tap := r.tap("db", "127.0.0.1:40000", front4)
	tap.Data(flow.FromClient, time.Now(), pattern(0, 1000))
	testkit.Wait(t, "the data in the file", func() bool {
		files, err := filepath.Glob(filepath.Join(r.dir, ".db-*.pcapng.part-*"))
		if err != nil || len(files) == 0 {
			return false
		}
		raw, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		packets, err := readFrom(bytes.NewReader(raw))
		return err == nil && len(packets) == 8
	}, 10*time.Second)
}

// A recorder that has ended gives no taps, and running ones count what is not recorded.
func TestAfterTheEnd(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	tap := r.tap("db", "127.0.0.1:40000", front4)
	tap.Data(flow.FromClient, time.Now(), pattern(0, 10))
	r.end()
	tap.Data(flow.FromClient, time.Now(), pattern(10, 20))
	tap.Shut(flow.FromClient, time.Now())
	if kept, skipped := tap.Done(time.Now(), fin()); kept != 10 || skipped != 20 {
		t.Errorf("kept %d, skipped %d; want 10 and 20", kept, skipped)
	}
	if tap := r.Tap(opening("db", "127.0.0.1:1", front4)); tap != nil {
		t.Error("a tap after the end")
	}
	if ways := follow(t, read(t, r.file("db"))); ways[way{netip.MustParseAddrPort("127.0.0.1:40000"),
		netip.MustParseAddrPort(front4)}].kept != 10 {
		t.Error("what was kept is not in the file")
	}
}

// A clock that is set back shows; two goroutines that read it and then queue do not.
func TestTimes(t *testing.T) {
	r := newRig(t, pcapng.Config{})
	start := time.Now().Add(-time.Hour)
	tap := r.tap("db", "127.0.0.1:40000", front4)
	for _, at := range []time.Duration{2 * time.Hour, 2*time.Hour - time.Millisecond, 0} {
		tap.Data(flow.FromClient, start.Add(at), []byte{0})
	}
	tap.Done(start.Add(time.Second), fin())
	r.end()
	packets := legOf(0, read(t, r.file("db")))
	first, second, third := packets[3].at, packets[4].at, packets[5].at
	if !second.Equal(first) || !third.Equal(start.Round(0)) {
		t.Errorf("times %v, %v, %v", first, second, third)
	}
}

func TestNewRefuses(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		settings pcapng.Settings
		want     string
	}{
		{pcapng.Settings{}, "recording: expected a directory"},
		{pcapng.Settings{Dir: file}, "not a directory"},
		{pcapng.Settings{Dir: filepath.Join(file, "below")}, "not a directory"},
		{pcapng.Settings{Dir: t.TempDir(), MaxTotal: 1000}, "max_total: 1000B is too little to record anything"},
		{pcapng.Settings{Dir: t.TempDir(), MaxTotal: -1}, "max_total: -1B"},
	} {
		standing := []policy.Standing{{Service: "db"}}
		if _, err := pcapng.New(pcapng.Config{Settings: tc.settings, Standing: standing}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: error %v, want %q", tc.settings, err, tc.want)
		}
	}
}
