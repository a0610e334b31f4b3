package main

import (
	"bytes"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/gopacket"
	"github.com/google/gopacket/layers"
	"github.com/google/gopacket/pcapgo"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// sums are what a recording says of one session.
type sums struct {
	fromClient, fromBackend uint64 // lengths, whether the bytes are there or not
	kept, skipped           uint64
}

// checkRecording holds the recordings of a door that has ended against its close records: tshark finds nothing wrong,
// lengths are the bytes relayed, recorded and sliced together are the total. When a client's port comes again the
// recorder begins another file, so everything is compared by port.
func checkRecording(t *testing.T, dir string, closes []flow.Record) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.pcapng"))
	if err != nil || len(files) == 0 {
		t.Fatalf("recordings %v, %v", files, err)
	}
	recorded := make(map[uint16]sums)
	for _, file := range files {
		checkFile(t, file)
		sumRecording(t, file, recorded)
	}
	told := make(map[uint16]sums)
	var total sums
	for _, r := range closes {
		o, port := r.Outcome, r.Peer.Addr.Port()
		if o.TapKept+o.TapSkipped != o.FromClient+o.FromBackend || !o.Tapped {
			t.Errorf("session %s: kept %d and skipped %d of %d bytes", r.Session, o.TapKept, o.TapSkipped, o.FromClient+o.FromBackend)
		}
		one := sums{o.FromClient, o.FromBackend, o.TapKept, o.TapSkipped}
		told[port], total = told[port].plus(one), total.plus(one)
	}
	for port, want := range told {
		if recorded[port] != want {
			t.Errorf("client port %d: recorded %+v, close records %+v", port, recorded[port], want)
		}
	}
	t.Logf("%d sessions, %d bytes recorded, %d sliced", len(closes), total.kept, total.skipped)
	return files
}

func checkFile(t *testing.T, file string) {
	t.Helper()
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	wrong := testkit.Run(t, "tshark", "-r", file, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
		"-Y", "_ws.malformed || tcp.analysis.flags || tcp.checksum.status == 0 || ip.checksum.status == 0")
	if wrong != "" {
		t.Errorf("tshark finds fault with: %.2000s", wrong)
	}
}

func (s sums) plus(o sums) sums {
	return sums{s.fromClient + o.fromClient, s.fromBackend + o.fromBackend, s.kept + o.kept, s.skipped + o.skipped}
}

// sumRecording adds up what tshark dissects, by the client's port.
func sumRecording(t *testing.T, file string, by map[uint16]sums) {
	t.Helper()
	out := testkit.Run(t, "tshark", "-r", file, "-T", "fields", "-e", "tcp.srcport", "-e", "tcp.dstport", "-e", "tcp.len",
		"-e", "frame.len", "-e", "frame.cap_len", "-e", "tcp.flags.syn", "-e", "tcp.flags.ack")
	client := make(map[string]bool) // ports that sent the first SYN
	for line := range strings.Lines(out) {
		f := strings.Fields(line)
		if len(f) != 7 {
			t.Fatalf("tshark says %q", line)
		}
		isSet := func(s string) bool { return s == "1" || s == "True" }
		if isSet(f[5]) && !isSet(f[6]) {
			client[f[0]] = true
		}
		var n [3]uint64
		for i := range n {
			v, err := strconv.ParseUint(f[2+i], 10, 64)
			if err != nil {
				t.Fatal(err)
			}
			n[i] = v
		}
		length, sliced := n[0], n[1]-n[2]
		port := f[1]
		if client[f[0]] {
			port = f[0]
		}
		p, err := strconv.ParseUint(port, 10, 16)
		if err != nil {
			t.Fatal(err)
		}
		one := sums{kept: length - sliced, skipped: sliced, fromBackend: length}
		if client[f[0]] {
			one.fromClient, one.fromBackend = length, 0
		}
		by[uint16(p)] = by[uint16(p)].plus(one)
	}
}

func openRecordingDoor(t *testing.T, backend int) (d *testDoor, dir string) {
	t.Helper()
	testkit.Need(t, "tshark")
	dir = filepath.Join(t.TempDir(), "recordings")
	return openDoor(t, strconv.Itoa(backend), "--record", dir), dir
}

func TestRecordPgbench(t *testing.T) {
	pg := testkit.Postgres(t, testkit.PostgresOptions{})
	d, dir := openRecordingDoor(t, pg.Port)
	through := []string{"-h", "127.0.0.1", "-p", d.portText(), "-U", "postgres"}
	testkit.Run(t, "pgbench", append(append([]string{}, through...), "-i", "-q", "postgres")...)
	testkit.Run(t, "pgbench", append(append([]string{}, through...), "-S", "-c", "4", "-t", soak("200", "5000"), "postgres")...)
	testkit.Run(t, "pgbench", append(append([]string{}, through...), "-C", "-c", "2", "-t", "20", "postgres")...)
	files := checkRecording(t, dir, d.settle())
	queries := testkit.Run(t, "tshark", "-r", files[0], "-d", "tcp.port=="+d.portText()+",pgsql", "-Y", "pgsql.query contains \"SELECT abalance\"")
	if queries == "" {
		t.Error("tshark sees no query of pgbench")
	}
}

func TestRecordRedisBenchmark(t *testing.T) {
	server := testkit.Redis(t)
	d, dir := openRecordingDoor(t, server.Port)
	testkit.Run(t, "redis-benchmark", "-p", d.portText(), "-t", "set,get", "-P", "16", "-n", soak("5000", "200000"), "-q")
	checkRecording(t, dir, d.settle())
}

// 100 MB go to a backend that reads nothing for a while: what was recorded is what was sent, byte by byte.
func TestRecordBulk(t *testing.T) {
	const size = 100 << 20
	sent := make([]byte, size)
	_, _ = rand.Read(sent)
	full := make(chan struct{})
	backend := testkit.Backend(t, testkit.BackendOptions{Serve: func(c net.Conn) error {
		<-full
		_, err := io.Copy(io.Discard, c)
		return err
	}})
	d, dir := openRecordingDoor(t, backend.Port())
	c, err := net.Dial("tcp", d.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	n := fillUp(t, c, sent)
	close(full)
	_ = c.SetWriteDeadline(time.Time{})
	if _, err := c.Write(sent[n:]); err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	d.await(flow.EventSessionClose, 1)
	checkPayload(t, checkRecording(t, dir, d.settle())[0], sent)
}

// fillUp writes until nothing moves any more: every queue up to the stalled backend is full.
func fillUp(t *testing.T, c net.Conn, data []byte) (written int) {
	t.Helper()
	for {
		_ = c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		n, err := c.Write(data[written:])
		written += n
		if n == 0 {
			if !errors.Is(err, os.ErrDeadlineExceeded) {
				t.Fatal(err)
			}
			return written
		}
	}
}

// checkPayload compares the recorded bytes of the client's direction with those that were sent, at their sequence
// numbers; when nothing was sliced it compares the digest of the whole.
func checkPayload(t *testing.T, file string, sent []byte) {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	r, err := pcapgo.NewNgReader(f, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	digest, base, sliced, recorded := sha256.New(), uint32(0), false, 0
	var client layers.TCPPort
	for {
		data, info, err := r.ReadPacketData()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		tcp, ok := gopacket.NewPacket(data, layers.LayerTypeIPv4, gopacket.Lazy).Layer(layers.LayerTypeTCP).(*layers.TCP)
		if !ok {
			t.Fatal("a packet without TCP")
		}
		if tcp.SYN && !tcp.ACK {
			client, base = tcp.SrcPort, tcp.Seq+1
		}
		if tcp.SrcPort != client {
			continue
		}
		sliced = sliced || info.CaptureLength < info.Length
		at := int(tcp.Seq - base)
		if p := tcp.Payload; len(p) > 0 {
			if !bytes.Equal(p, sent[at:at+len(p)]) {
				t.Fatalf("recorded bytes at %d are not those that were sent", at)
			}
			digest.Write(p)
			recorded += len(p)
		}
	}
	if want := sha256.Sum256(sent); !sliced && !bytes.Equal(digest.Sum(nil), want[:]) {
		t.Error("the digest of what was recorded is not that of what was sent")
	}
	if recorded < len(sent)/10 {
		t.Errorf("%d of %d bytes were recorded", recorded, len(sent))
	}
}
