package keylog_test

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/logsink/pcapng/keylog"
)

// clientHello is what a TLS client sends first, and the line that it would log names.
func clientHello(t testing.TB) (sent []byte, random [32]byte) {
	t.Helper()
	ours, theirs := net.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- tls.Client(theirs, &tls.Config{ServerName: "db"}).Handshake()
	}()
	sent = make([]byte, 4096)
	n, err := ours.Read(sent)
	if err != nil {
		t.Fatal(err)
	}
	ours.Close()
	if err := <-done; err == nil {
		t.Error("a handshake without a server succeeded")
	}
	return sent[:n], [32]byte(sent[11:43])
}

// The ClientHello is found behind what the protocols say before it, however it is cut.
func TestHello(t *testing.T) {
	hello, want := clientHello(t)
	for name, before := range map[string][]byte{
		"nothing":    nil,
		"PostgreSQL": {0, 0, 0, 8, 4, 210, 22, 47},
		"GSS, too":   {0, 0, 0, 8, 4, 210, 22, 48, 0, 0, 0, 8, 4, 210, 22, 47},
		"MySQL":      append([]byte{32, 0, 0, 1, 22, 3, 1}, make([]byte, 29)...),
		"much":       bytes.Repeat([]byte{22, 3}, 400),
	} {
		t.Run(name, func(t *testing.T) {
			stream := append(bytes.Clone(before), hello...)
			rapid.Check(t, func(t *rapid.T) {
				var h keylog.Hello
				for rest := stream; len(rest) > 0; {
					n := rapid.IntRange(1, len(rest)).Draw(t, "chunk")
					random, found, done := h.Feed(rest[:n])
					rest = rest[n:]
					if found {
						if random != want || !done {
							t.Fatalf("found %x, done %v", random, done)
						}
						if _, again, done := h.Feed(rest); again || !done {
							t.Fatal("found again, or not done")
						}
						return
					}
					if done {
						t.Fatalf("gave up with %d bytes left", len(rest))
					}
				}
				t.Fatal("not found")
			})
		})
	}
}

func TestNoHello(t *testing.T) {
	for name, text := range map[string]string{
		"nothing": "", "HTTP": strings.Repeat("GET / HTTP/1.1\r\n", 100), "almost": strings.Repeat("\x16\x03\x01", 500),
		"the begin of one": "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
	} {
		var h keylog.Hello
		_, found, done := h.Feed([]byte(text))
		if found || done != (len(text) > 1000) {
			t.Errorf("%s: found %v, done %v", name, found, done)
		}
	}
}

// What Go's TLS client logs is read back, and of two connections only the one whose ClientHello was seen.
func TestRealSecrets(t *testing.T) {
	server := newTLSServer(t)
	path := filepath.Join(t.TempDir(), "keys")
	file, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for version, labels := range map[uint16][]string{
		tls.VersionTLS12: {"CLIENT_RANDOM"},
		tls.VersionTLS13: {"CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET", "CLIENT_TRAFFIC_SECRET_0",
			"SERVER_TRAFFIC_SECRET_0"},
	} {
		l := open(t, path)
		var seen keylog.Hello
		var mine [32]byte
		for i := range 2 {
			conn := &watched{Conn: server.dial(t), tell: func(b []byte) {
				if random, found, _ := seen.Feed(b); found {
					mine = random
				}
			}}
			secure := tls.Client(conn, &tls.Config{
				RootCAs: server.roots, ServerName: "127.0.0.1", MaxVersion: version, KeyLogWriter: file,
			})
			if err := secure.Handshake(); err != nil {
				t.Fatalf("connection %d: %v", i, err)
			}
			if err := secure.Close(); err != nil {
				t.Errorf("connection %d: %v", i, err)
			}
		}
		lines, err := l.Read(func(r [32]byte) bool { return r == mine })
		if err != nil {
			t.Fatal(err)
		}
		if got := bytes.Count(lines, fmt.Appendf(nil, " %x ", mine)); got != len(labels) || got != bytes.Count(lines, []byte{'\n'}) {
			t.Errorf("TLS %x: %d lines of the connection, want %d\n%s", version, got, len(labels), lines)
		}
		for _, label := range labels {
			if !bytes.Contains(lines, []byte(label+" ")) {
				t.Errorf("TLS %x: no %s", version, label)
			}
		}
		if got := l.Stats(); got.Dropped != 0 || got.Foreign < uint64(len(labels)) {
			t.Errorf("TLS %x: counted %+v", version, got)
		}
	}
}
