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

// checkRecording holds the recording of a door that has ended against its close records: tshark finds nothing wrong,
// lengths are the bytes relayed, recorded and sliced together are the total.
func checkRecording(t *testing.T, dir string, closes []flow.Record) string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.pcapng"))
	if err != nil || len(files) != 1 {
		t.Fatalf("recordings %v, %v", files, err)
	}
	if info, err := os.Stat(files[0]); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if wrong := testkit.Run(t, "tshark", "-r", files[0], "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
		"-Y", "_ws.malformed || tcp.analysis.flags || tcp.checksum.status == 0"); wrong != "" {
		t.Errorf("tshark finds fault with: %.2000s", wrong)
	}
	by := sumRecording(t, files[0])
	var kept, skipped uint64
	for _, r := range closes {
		o, s := r.Outcome, by[r.Peer.Addr.Port()]
		if s == nil {
			s = &sums{}
		}
		if s.fromClient != o.FromClient || s.fromBackend != o.FromBackend || s.kept != o.TapKept || s.skipped != o.TapSkipped {
			t.Errorf("session %s: the recording has %+v, the close record %d and %d bytes, kept %d, skipped %d",
				r.Session, *s, o.FromClient, o.FromBackend, o.TapKept, o.TapSkipped)
		}
		if o.TapKept+o.TapSkipped != o.FromClient+o.FromBackend || !o.Tapped {
			t.Errorf("session %s: kept %d and skipped %d of %d bytes", r.Session, o.TapKept, o.TapSkipped, o.FromClient+o.FromBackend)
		}
		kept, skipped = kept+o.TapKept, skipped+o.TapSkipped
	}
	t.Logf("%d sessions, %d bytes recorded, %d sliced", len(closes), kept, skipped)
	return files[0]
}

// sumRecording adds up what tshark dissects, by the client's port.
func sumRecording(t *testing.T, file string) map[uint16]*sums {
	t.Helper()
	by := make(map[uint16]*sums)
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
		s := by[uint16(p)]
		if s == nil {
			s = &sums{}
			by[uint16(p)] = s
		}
		if client[f[0]] {
			s.fromClient += length
		} else {
			s.fromBackend += length
		}
		s.kept, s.skipped = s.kept+length-sliced, s.skipped+sliced
	}
	return by
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
	file := checkRecording(t, dir, d.settle())
	queries := testkit.Run(t, "tshark", "-r", file, "-d", "tcp.port=="+d.portText()+",pgsql", "-Y", "pgsql.query contains \"SELECT abalance\"")
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
	file := checkRecording(t, dir, d.settle())
	checkPayload(t, file, sent)
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
