package main

import (
	"cmp"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// The connections of a session, by the number of a recording's interface.
const (
	front = iota // the client's
	back         // the backend's
)

// connection is one in a recording: its leg, and the port of the side that opened it.
type connection struct {
	leg  int
	port uint16
}

// sums are what a recording says of one connection, or of those that had its port one after the other.
type sums struct {
	fromClient, fromBackend uint64 // lengths, whether the bytes are there or not
	kept, skipped           uint64
}

func (s sums) plus(o sums) sums {
	return sums{s.fromClient + o.fromClient, s.fromBackend + o.fromBackend, s.kept + o.kept, s.skipped + o.skipped}
}

// recordingDoor is a door that records, and what its service speaks as tshark calls it.
type recordingDoor struct {
	*testDoor
	backend int
	dir     string // the recordings'
	dissect string // empty is TCP alone
	config  string // the file
	// unsummed says that nobody has computed the packets' checksums: the network's own, which never left this machine.
	unsummed bool
	// taken and reply are how many bytes of each session's client lodoor itself answers, and with how many.
	taken, reply uint64
}

// openRecordingDoor starts one. settings are the record part of a configuration, as YAML between braces; the directory is
// chosen when they do not name one.
func openRecordingDoor(t *testing.T, backend int, dissect, settings string, args ...string) *recordingDoor {
	t.Helper()
	return openRecordingDoorIn(t, filepath.Join(t.TempDir(), "recordings"), backend, dissect, settings, args...)
}

func openRecordingDoorIn(t *testing.T, dir string, backend int, dissect, settings string, args ...string) *recordingDoor {
	t.Helper()
	testkit.Need(t, "tshark", "capinfos")
	home := testkit.NewHome(t)
	home.Env = []string{"LODOOR_PRIVACY_STATEMENTS=text"}
	d := &recordingDoor{backend: backend, dir: dir, dissect: dissect, config: filepath.Join(home.Dir(), "lodoor.yaml")}
	if !strings.Contains(settings, "dir:") {
		settings = "dir: " + dir + ", " + settings
	}
	d.configure(t, settings)
	d.testDoor = openDoorIn(t, home, strconv.Itoa(backend), append(args, "--config", d.config)...)
	return d
}

// configure writes the record part of the configuration.
func (d *recordingDoor) configure(t *testing.T, settings string) {
	t.Helper()
	if err := os.WriteFile(d.config, []byte("record: {"+settings+"}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
}

// files are the finished recordings, in the order in which they were finished.
func (d *recordingDoor) files() []string {
	d.t.Helper()
	entries, err := os.ReadDir(d.dir)
	if err != nil {
		d.t.Fatal(err)
	}
	when := make(map[string]time.Time)
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			d.t.Fatal(err)
		}
		if strings.Contains(e.Name(), ".pcapng") && !strings.Contains(e.Name(), ".part") {
			when[filepath.Join(d.dir, e.Name())] = info.ModTime()
		}
	}
	return slices.SortedFunc(maps.Keys(when), func(a, b string) int { return when[a].Compare(when[b]) })
}

// tshark reads a recording with the protocol of the door's service on both legs.
func (d *recordingDoor) tshark(file string, args ...string) string {
	d.t.Helper()
	all := []string{"-r", file}
	for _, port := range []string{d.portText(), strconv.Itoa(d.backend)} {
		all = append(all, "-d", "tcp.port=="+port+","+cmp.Or(d.dissect, "data"))
	}
	return testkit.Run(d.t, "tshark", append(all, args...)...)
}

// check ends the door and holds its recordings against its close records: tshark finds nothing wrong, lengths on both
// legs are the bytes relayed, recorded and sliced together are the total. When a client's port comes again the recorder
// begins another file, so everything is compared by port.
func (d *recordingDoor) check() []string {
	d.t.Helper()
	closes := d.settle()
	files := d.files()
	if len(files) == 0 {
		d.t.Fatalf("nothing was recorded:\n%s", d.Stderr())
	}
	d.compare(closes, d.sum(files...))
	return files
}

func (d *recordingDoor) compare(closes []flow.Record, recorded map[connection]sums) {
	d.t.Helper()
	told, lengths := make(map[connection]sums), make(map[connection]sums)
	var total sums
	for _, r := range closes {
		o := r.Outcome
		if o.TapKept+o.TapSkipped != o.FromClient+o.FromBackend || !o.Tapped || !o.Recorded {
			d.t.Errorf("session %s: kept %d and skipped %d of %d bytes", r.Session, o.TapKept, o.TapSkipped, o.FromClient+o.FromBackend)
		}
		one := sums{o.FromClient, o.FromBackend + d.reply, o.TapKept + d.reply, o.TapSkipped}
		c, b := connection{front, r.Peer.Addr.Port()}, connection{back, o.Leg.Port()}
		told[c], total = told[c].plus(one), total.plus(one)
		lengths[b] = lengths[b].plus(sums{fromClient: o.FromClient - d.taken, fromBackend: o.FromBackend})
	}
	for c, want := range told {
		if recorded[c] != want {
			d.t.Errorf("client port %d: recorded %+v, close records %+v", c.port, recorded[c], want)
		}
	}
	for c, want := range lengths {
		if got := recorded[c]; got.fromClient != want.fromClient || got.fromBackend != want.fromBackend {
			d.t.Errorf("own port %d: recorded %+v, close records %+v", c.port, got, want)
		}
	}
	if len(recorded) != len(told)+len(lengths) {
		d.t.Errorf("%d connections are recorded, the close records tell of %d", len(recorded), len(told)+len(lengths))
	}
	d.t.Logf("%d sessions, %d bytes recorded, %d sliced", len(closes), total.kept, total.skipped)
}

// sum adds up what tshark dissects, by connection. It fails the test when tshark finds fault with anything.
func (d *recordingDoor) sum(files ...string) map[connection]sums {
	d.t.Helper()
	sum := strconv.FormatBool(!d.unsummed)
	args := []string{"-o", "tcp.check_checksum:" + sum, "-o", "ip.check_checksum:" + sum, "-T", "fields", "-E", "separator=|"}
	for _, f := range rowFields() {
		args = append(args, "-e", f)
	}
	by, opened := make(map[connection]sums), make(map[connection]bool) // opened by the side that sent the first SYN
	for _, file := range files {
		if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
			d.t.Errorf("mode %v, %v", info.Mode(), err)
		}
		for line := range strings.Lines(d.tshark(file, args...)) {
			r := parseRow(d.t, strings.TrimSuffix(line, "\n"))
			if r.fault {
				d.t.Errorf("%s: tshark finds fault: %s", filepath.Base(file), line)
			}
			if r.opens {
				opened[r.from] = true
			}
			if one := r.sums; opened[r.from] {
				one.fromClient = r.length
				by[r.from] = by[r.from].plus(one)
			} else {
				one.fromBackend = r.length
				by[r.to] = by[r.to].plus(one)
			}
		}
	}
	return by
}

// row is a packet as tshark sees it.
type row struct {
	from, to     connection
	length       uint64
	sums         sums // what is kept and what is not
	opens, fault bool
}

func rowFields() []string {
	return []string{
		"frame.interface_id", "tcp.srcport", "tcp.dstport", "tcp.len", "frame.len", "frame.cap_len", "tcp.flags.str",
		"tcp.checksum.status", "ip.checksum.status", "tcp.analysis.flags", "_ws.malformed", "frame.number", "_ws.expert.message",
	}
}

func parseRow(t *testing.T, line string) row {
	t.Helper()
	f := strings.SplitN(line, "|", len(rowFields()))
	if len(f) != len(rowFields()) {
		t.Fatalf("tshark says %q", line)
	}
	var n [6]uint64
	for i := range n {
		v, err := strconv.ParseUint(f[i], 10, 64)
		if err != nil {
			t.Fatalf("tshark says %q: %v", line, err)
		}
		n[i] = v
	}
	const bad = "0" // of a checksum's status
	sliced := n[4] - n[5]
	return row{
		from: connection{int(n[0]), uint16(n[1])}, to: connection{int(n[0]), uint16(n[2])}, length: n[3],
		sums:  sums{kept: n[3] - sliced, skipped: sliced},
		opens: strings.Contains(f[6], "S") && !strings.Contains(f[6], "A"),
		fault: f[7] == bad || f[8] == bad || f[9] != "" || f[10] != "",
	}
}

// checkFile fails the test when tshark finds fault with a recording, whosever it is.
func checkFile(t *testing.T, file string) {
	t.Helper()
	wrong := testkit.Run(t, "tshark", "-r", file, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
		"-Y", "_ws.malformed || tcp.analysis.flags || tcp.checksum.status == 0 || ip.checksum.status == 0")
	if wrong != "" {
		t.Errorf("tshark finds fault with: %.2000s", wrong)
	}
}
