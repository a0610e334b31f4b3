package pcapng_test

import (
	"bufio"
	"bytes"
	"encoding/hex"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
)

// row is a packet as tshark sees it.
type row struct {
	leg            string // the interface's number
	stream, port   string // the stream's number in the file, and the sender's port
	length         uint64
	sliced         bool
	payload        []byte
	comment, flags string
}

// tshark reads a recording. It fails the test when tshark finds anything to complain of: a malformed packet, a remark
// of its sequence analysis, a wrong checksum. Payload is taken for data: it is random here, and a dissector may find
// anything in it.
func tshark(t testing.TB, path string) []row {
	t.Helper()
	return tsharkChecking(t, path, "TRUE")
}

// tsharkWire is tshark of real packets, whose checksums nobody computes on this machine.
func tsharkWire(t testing.TB, path string) []row {
	t.Helper()
	return tsharkChecking(t, path, "FALSE")
}

func tsharkChecking(t testing.TB, path, checksums string) []row {
	t.Helper()
	args := []string{
		"-r", path, "-o", "ip.check_checksum:" + checksums, "-o", "tcp.check_checksum:" + checksums, "-d", "tcp.port==1-65535,data",
		"-T", "fields", "-E", "separator=|", "-E", "occurrence=a",
	}
	for _, field := range []string{
		"tcp.stream", "tcp.srcport", "tcp.len", "frame.len", "frame.cap_len", "tcp.payload", "frame.comment", "tcp.flags.str",
		"tcp.analysis.flags", "_ws.malformed", "_ws.expert.message", "ip.checksum.status", "tcp.checksum.status",
		"frame.interface_id",
	} {
		args = append(args, "-e", field)
	}
	command := exec.Command(testkit.Program(t, "tshark"), args...)
	var stderr strings.Builder
	command.Stderr = &stderr
	out, err := command.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, stderr.String())
	}
	var rows []row
	lines := bufio.NewScanner(bytes.NewReader(out))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		rows = append(rows, parseRow(t, len(rows)+1, strings.Split(lines.Text(), "|"), checksums == "TRUE"))
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return rows
}

func parseRow(t testing.TB, n int, f []string, checked bool) row {
	t.Helper()
	if len(f) != 14 {
		t.Fatalf("frame %d has fields %q", n, f)
	}
	r := row{stream: f[0], port: f[1], sliced: f[3] != f[4], comment: f[6], flags: f[7], leg: f[13]}
	var err error
	if r.length, err = strconv.ParseUint(f[2], 10, 64); err != nil {
		t.Fatalf("frame %d: length: %v", n, err)
	}
	if r.payload, err = hex.DecodeString(f[5]); err != nil {
		t.Fatalf("frame %d: payload: %v", n, err)
	}
	if f[8] != "" || f[9] != "" {
		t.Errorf("frame %d: tshark says %q %q %q", n, f[8], f[9], f[10])
	}
	const bad = "0"
	if f[11] == bad || f[12] == bad {
		t.Errorf("frame %d: wrong checksum", n)
	}
	if good := "1"; checked && !r.sliced && f[12] != good {
		t.Errorf("frame %d: checksum not verified: %q", n, f[12])
	}
	return r
}
