package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// set has redis-cli set a key at the door.
func (d *recordingDoor) set(key string) {
	d.t.Helper()
	if out := testkit.Run(d.t, "redis-cli", "-p", d.portText(), "set", key, "1"); out != "OK\n" {
		d.t.Errorf("redis-cli says %q", out)
	}
}

// asks is how often a recording has a key's name as an argument, on the front.
func (d *recordingDoor) asks(file, key string) int {
	d.t.Helper()
	return strings.Count(d.tshark(file, "-Y", `frame.interface_id == 0 && resp.bulk_string.value == "`+key+`"`), "\n")
}

// lodoor runs a command about this door, which must succeed, and answers what it printed.
func (d *recordingDoor) lodoor(args ...string) string {
	d.t.Helper()
	stdout, stderr, code := d.Run(append(args, "--dir", d.testDoor.dir)...)
	if code != exitOK {
		d.t.Fatalf("lodoor %v ended with %d: %s%s", args, code, stdout, stderr)
	}
	return stdout
}

// A file for each 64 KiB: sessions go on in the next, and all of them together are what both ends saw.
func TestRecordRotated(t *testing.T) {
	redis := testkit.Redis(t)
	lanes(t, func(t *testing.T, lane string) {
		server := witnessBehind(t, redis.Port)
		d := openRecordingDoor(t, server.port, "resp", "rotate_size: 64KiB", lane)
		client := witnessInFront(t, d.port)
		testkit.Run(t, "redis-benchmark", "-p", strconv.Itoa(client.port), "-t", "set", "-c", "3", "-n", "3000", "-q")
		files := d.check()
		if len(files) < 3 {
			t.Errorf("%d files, want more", len(files))
		}
		agree(t, exchangesOf(t, nil, files...), client, server)
	})
}

// Compressed recordings are opened by tshark itself; encrypted ones once they are decrypted.
func TestRecordCompressedAndEncrypted(t *testing.T) {
	redis := testkit.Redis(t)
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	for _, settings := range []string{"compress: zstd", "compress: zstd, encrypt_to: [" + identity.Recipient().String() + "]"} {
		d := openRecordingDoor(t, redis.Port, "resp", settings)
		d.set("planted")
		closes, files := d.settle(), d.files()
		if len(files) != 1 {
			t.Fatalf("recordings %v", files)
		}
		file := files[0]
		raw, err := os.ReadFile(file)
		if err != nil || bytes.Contains(raw, []byte("planted")) && strings.HasSuffix(file, ".age") {
			t.Errorf("%s: %v, and what was said can be read", file, err)
		}
		if strings.Contains(settings, "encrypt_to") {
			file = decrypt(t, raw, identity, strings.TrimSuffix(file, ".age"))
		}
		if !strings.HasSuffix(file, ".pcapng.zst") {
			t.Errorf("the recording is called %s", file)
		}
		d.compare(closes, d.sum(file))
		if n := d.asks(file, "planted"); n != 1 {
			t.Errorf("%d requests set the key", n)
		}
	}
}

func decrypt(t *testing.T, raw []byte, identity age.Identity, to string) string {
	t.Helper()
	plain, err := age.Decrypt(bytes.NewReader(raw), identity)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(plain)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// The black box: nothing goes to the disk until somebody asks or an alert fires.
func TestRecordRing(t *testing.T) {
	redis := testkit.Redis(t)
	d := openRecordingDoor(t, redis.Port, "resp", "ring: 60s")
	d.set("before_the_flush")
	d.await(flow.EventSessionClose, 1)
	if entries, err := os.ReadDir(d.dir); err == nil && len(entries) > 0 {
		t.Errorf("%s is there already", entries[0].Name())
	}
	said := d.lodoor("record", "flush", "svc")
	files := d.files()
	if len(files) != 1 || !strings.Contains(said, "of 1 session") || !strings.Contains(said, files[0]) {
		t.Fatalf("files %v, flush said %q", files, said)
	}
	d.set("before_the_alert")
	d.await(flow.EventSessionClose, 2)
	if err := os.WriteFile(d.config, []byte("enforce: perhaps\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, code := d.Run("reload", "--dir", d.testDoor.dir); code != exitConfig {
		t.Errorf("reload of a broken file ended with %d", code)
	}
	testkit.Wait(t, "the ring to be written for the alert", func() bool { return len(d.files()) == 2 }, 20*time.Second)
	files = d.check()
	if first, second := d.asks(files[0], "before_the_flush"), d.asks(files[1], "before_the_alert"); first != 1 || second != 1 ||
		!strings.Contains(files[1], "alert") {
		t.Errorf("%v: %d and %d requests", files, first, second)
	}
}

// After a kill in the middle of a session the next start finishes the recording, and it has all that was said.
func TestRecordKilled(t *testing.T) {
	redis := testkit.Redis(t)
	dir := filepath.Join(t.TempDir(), "recordings")
	d := openRecordingDoorIn(t, dir, redis.Port, "resp", "")
	d.set("first")
	c, err := net.Dial("tcp", d.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Write([]byte("set second 1\r\n")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, make([]byte, len("+OK\r\n"))); err != nil {
		t.Fatal(err)
	}
	testkit.Wait(t, "the recording to be handed to the system", func() bool {
		parts, _ := filepath.Glob(filepath.Join(dir, "*"))
		for _, name := range parts {
			if b, err := os.ReadFile(name); err == nil && bytes.Contains(b, []byte("+OK\r\n")) && bytes.Contains(b, []byte("second")) {
				return true
			}
		}
		return false
	}, 20*time.Second)
	d.Kill()
	if files := d.files(); len(files) != 0 {
		t.Errorf("%v look finished after a kill", files)
	}
	again := openRecordingDoorIn(t, dir, redis.Port, "resp", "")
	files := again.files()
	if len(files) != 1 || !strings.Contains(again.Stderr(), files[0]+" was left unfinished") {
		t.Fatalf("files %v; the next start said\n%s", files, again.Stderr())
	}
	d.sum(files...)
	if n := d.asks(files[0], "first"); n != 1 {
		t.Errorf("%d requests of the first session", n)
	}
	if out := d.tshark(files[0], "-Y", `frame.interface_id == 0 && tcp.payload contains "set second"`); out == "" {
		t.Error("the session that was open at the kill is not there")
	}
	again.set("third")
	files = again.checkFrom(1)
	if n := again.asks(files[0], "third"); n != 1 {
		t.Errorf("%d requests in the next recording", n)
	}
}

// checkFrom is check without the first recordings, which are another door's.
func (d *recordingDoor) checkFrom(first int) []string {
	d.t.Helper()
	closes, files := d.settle(), d.files()
	if len(files) <= first {
		d.t.Fatalf("recordings %v", files)
	}
	d.compare(closes, d.sum(files[first:]...))
	return files[first:]
}

// A TLS session is read from the recording alone: the secrets that curl logged are in it.
func TestRecordTLS(t *testing.T) {
	for _, version := range []string{"TLSv1.2", "TLSv1.3"} {
		t.Run(version, func(t *testing.T) {
			site := nginx(t, version)
			keys := filepath.Join(t.TempDir(), "keys")
			d := openRecordingDoor(t, site.port, "tls", "keylog: "+keys)
			cmd := exec.Command(testkit.Program(t, "curl"), "-sS", "--cacert", site.cert, "-o", os.DevNull, "-w", "%{http_code}",
				"https://localhost:"+d.portText()+"/small?planted")
			cmd.Env = append(os.Environ(), "SSLKEYLOGFILE="+keys)
			if out, err := cmd.CombinedOutput(); err != nil || string(out) != "200" {
				t.Fatalf("curl: %v: %s", err, out)
			}
			files := d.check()
			if err := os.Remove(keys); err != nil {
				t.Fatal(err)
			}
			for leg := range 2 {
				d.found(files[0], `http.request.uri contains "planted" && frame.interface_id == `+strconv.Itoa(leg))
				d.found(files[0], `http.response.code == 200 && frame.interface_id == `+strconv.Itoa(leg))
			}
		})
	}
}
