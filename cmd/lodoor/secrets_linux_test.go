package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf16"

	"github.com/klauspost/compress/zstd"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

// Every secret that is planted begins and ends with these, so that a part of one is found, too.
const (
	plantedBegin = "Zq7Wxm2R"
	plantedEnd   = "Vk3Jd9Ty"
)

// planted is the nth secret.
func planted(n int) string { return fmt.Sprintf("%s-%03d-%s", plantedBegin, n, plantedEnd) }

// needles are what is looked for: a text as it is and in the encodings that protocols and logs have.
func needles(text string) [][]byte {
	all := [][]byte{[]byte(text), []byte(hex.EncodeToString([]byte(text)))}
	for before := range 3 { // base64 depends on how many bytes come before
		for _, e := range []*base64.Encoding{base64.RawStdEncoding, base64.RawURLEncoding} {
			whole := e.EncodeToString(append(make([]byte, before), text...))
			first, last := (before*8+5)/6, (before+len(text))*8/6 // characters that are of the text alone
			all = append(all, []byte(whole[first:last]))
		}
	}
	var little, big, percent []byte
	for _, u := range utf16.Encode([]rune(text)) {
		little = append(little, byte(u), byte(u>>8))
		big = append(big, byte(u>>8), byte(u))
	}
	for _, b := range []byte(text) {
		percent = fmt.Appendf(percent, "%%%02x", b)
	}
	return append(all, little, big, percent)
}

// spoken are all outputs of a door: a name and everything that is in it, with the letters of ASCII lower.
type spoken map[string][]byte

// holds says where a text is, in whatever encoding and case.
func (s spoken) holds(text string) (places []string) {
	for _, needle := range needles(text) {
		lower := lowered(needle)
		for name, b := range s {
			if at := bytes.Index(b, lower); at >= 0 {
				places = append(places, fmt.Sprintf("%s has %q: %q", name, needle, b[max(0, at-150):min(len(b), at+len(needle)+60)]))
			}
		}
	}
	slices.Sort(places)
	return places
}

// lowered has the letters of ASCII lower, and every byte where it was.
func lowered(b []byte) []byte {
	lower := bytes.Clone(b)
	for i, c := range lower {
		if 'A' <= c && c <= 'Z' {
			lower[i] = c + 'a' - 'A'
		}
	}
	return lower
}

// addFiles adds the files below a directory, unpacked.
func (s spoken) addFiles(t *testing.T, name, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		if strings.HasSuffix(path, ".zst") {
			b = unzstd(t, path, b)
		}
		s[name+" "+e.Name()] = b
		if strings.Contains(path, ".pcapng") {
			s.addStreams(t, path)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func unzstd(t *testing.T, path string, b []byte) []byte {
	t.Helper()
	r, err := zstd.NewReader(nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	plain, err := r.DecodeAll(b, nil)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return plain
}

// addStreams adds what each side said, put together: a secret may lie across two packets.
func (s spoken) addStreams(t *testing.T, path string) {
	t.Helper()
	r, err := recording.Open(path, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	for {
		e, err := r.Next()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		if e.Kind == recording.Data {
			name := fmt.Sprintf("recording %s, %s %s", filepath.Base(path), e.Session.Name(), e.Direction)
			s[name] = append(s[name], e.Payload...)
		}
	}
}

// how is a way of running a door to which secrets are said.
type how struct {
	name, record, statements string
	named                    bool // the services say what they speak, and decline TLS
	follow, flush, control   bool
}

// TestNoSecretGetsOut says secrets to a door in every place where the protocols have one, to real servers and by real
// clients, and looks for them in everything that comes out of lodoor: recordings, the journal, the console, the
// history, exports and answers to commands. The last way overwrites nothing, and has them all.
func TestNoSecretGetsOut(t *testing.T) {
	backends := newSecretive(t)
	for _, h := range []how{
		{name: "plain", record: "", statements: "text", follow: true},
		{name: "zstd", record: "compress: zstd, ", statements: "fingerprint", named: true},
		{name: "ring", record: "ring: 10m, ", statements: "text", named: true, flush: true},
		{name: "control", record: "redact: {authentication: false}, ", statements: "text", control: true},
	} {
		t.Run(h.name, func(t *testing.T) {
			d := openSecretDoor(t, backends, h)
			if h.follow {
				d.follow()
			}
			said := d.talk()
			out := d.outputs()
			if h.control {
				d.hasAll(out, said)
				return
			}
			for _, secret := range append(backends.derived(t), plantedBegin, plantedEnd) {
				for _, place := range out.holds(secret) {
					t.Errorf("%s", place)
				}
			}
			d.toldEnough(out)
		})
	}
}

// hasAll is the test's own: where nothing is overwritten the recordings have every secret.
func (d *secretDoor) hasAll(out spoken, said []string) {
	d.t.Helper()
	recordings := spoken{}
	for name, b := range out {
		if strings.HasPrefix(name, "recording") {
			recordings[name] = b
		}
	}
	for _, secret := range said {
		if len(recordings.holds(secret)) == 0 {
			d.t.Errorf("%s was never said", secret)
		}
	}
	for _, secret := range []string{plantedBegin, plantedEnd} {
		for name := range recordings {
			delete(out, name)
		}
		for _, place := range out.holds(secret) {
			d.t.Errorf("%s", place)
		}
	}
}

// toldEnough wants the outputs to be there, with what is no secret in them.
func (d *secretDoor) toldEnough(out spoken) {
	d.t.Helper()
	seen := map[string]int{}
	for _, r := range d.records(flow.EventOperation) {
		seen[r.Operation.Protocol]++
	}
	for protocol, least := range map[string]int{"postgres": 30, "mysql": 60, "redis": 20, "http": 8} {
		if seen[protocol] < least {
			d.t.Errorf("%d operations of %s, expected at least %d", seen[protocol], protocol, least)
		}
	}
	for name, word := range map[string]string{
		"console": `"event":"operation"`, "history": `"event":"operation"`, "otlp": "operation.kind", "syslog": `"event":"operation"`,
		"logs": "operation", "status": "services",
	} {
		if !bytes.Contains(out[name], []byte(word)) {
			d.t.Errorf("%s says nothing of %s: %.300s", name, word, out[name])
		}
	}
	for _, service := range []string{"pg", "my", "kv", "web"} {
		n := 0
		for name := range out {
			if strings.HasPrefix(name, "recording "+service+"-") && strings.Contains(name, ",") {
				n++
			}
		}
		if n < 2 {
			d.t.Errorf("%d streams of %s were recorded", n, service)
		}
	}
}

// outputs stops the door and gathers everything that came out of it.
func (d *secretDoor) outputs() spoken {
	d.t.Helper()
	out := spoken{}
	answer := func(name string, args ...string) {
		stdout, stderr, code := d.Run(append(args, "--dir", d.dir)...)
		if code != exitOK {
			d.t.Errorf("lodoor %v ended with %d: %s", args, code, stderr)
		}
		out[name] = append(out[name], stdout+stderr...)
	}
	if d.how.flush {
		answer("flush", "record", "flush")
	}
	answer("status", "status", "--json")
	answer("status", "status")
	answer("who", "who", "--json")
	testkit.Wait(d.t, "the exports to catch up", d.caughtUp, fleetWait)
	if code := d.Stop(); code != exitOK {
		d.t.Errorf("lodoor ended with %d: %s", code, d.Stderr())
	}
	for i, child := range d.following {
		child.Wait(20 * time.Second)
		out["recording followed"] = append(out["recording followed"], child.Stderr()...)
		out.addStreams(d.t, d.followed(i))
	}
	answer("logs", "logs", "--limit", "10000")
	answer("logs", "logs", "--event", "operation", "--from", "segments")
	answer("table", "logs", "--csv")
	answer("stats", "logs", "--stats")
	answer("history", "logs", "--json", "--from", "store")
	out["console"] = []byte(d.Stdout())
	out["messages"] = []byte(d.Stderr())
	out["otlp"], out["syslog"] = d.otlp.bytes(), d.syslog.bytes()
	out.addFiles(d.t, "recording", d.recordings)
	out.addFiles(d.t, "journal", d.dir)
	for name, b := range out {
		out[name] = lowered(b)
	}
	return out
}
