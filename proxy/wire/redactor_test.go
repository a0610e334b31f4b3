package wire_test

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire"
)

// redacted is what a recording keeps of a conversation; nil when nothing may be kept.
func redacted(r *wire.Redactor, pieces []piece) []byte {
	var kept []byte
	for _, p := range pieces {
		b := []byte(p.bytes)
		if !r.Redact(p.dir, b) {
			return nil
		}
		kept = append(kept, b...)
	}
	return kept
}

func TestSecretsGoInAnyPieces(t *testing.T) {
	for name, session := range map[string][]piece{
		"redis":    {{fromClient, "*2\r\n$4\r\nAUTH\r\n$6\r\ngeheim\r\n"}, {fromBackend, "+OK\r\n"}},
		"typed":    {{fromClient, "AUTH geheim\r\n"}, {fromBackend, "+OK\r\n"}},
		"http":     {{fromClient, "GET /?token=geheim HTTP/1.1\r\nHost: x\r\nAuthorization: Basic geheim\r\n\r\n"}},
		"mysql":    append(mysqlSession()[:3:3], piece{fromClient, myPacket(0, "\x03SET PASSWORD = 'geheim'")}),
		"postgres": append(postgresSession()[:2:2], piece{fromClient, pgMessage("Q", "ALTER ROLE ada PASSWORD 'geheim'\x00")}),
	} {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				var h heard
				kept := redacted(wire.NewRedactors(h.config("auto")).For("db", secrets()), rechunk(t, session))
				var length int
				for _, p := range session {
					length += len(p.bytes)
				}
				if len(kept) != length || bytes.Contains(kept, []byte("geheim")) {
					t.Fatalf("kept %q of %d bytes", kept, length)
				}
				if h.notes != nil || h.trouble != nil {
					t.Fatalf("%q %q", h.notes, h.trouble)
				}
			})
		})
	}
}

func TestWhatIsUnknownIsKeptAndNoted(t *testing.T) {
	var h heard
	all := wire.NewRedactors(h.config("auto"))
	for range 2 {
		if kept := redacted(all.For("db", secrets()), []piece{{fromClient, "SSH-2.0-x\r\n"}, {fromBackend, "anything"}}); string(kept) != "SSH-2.0-x\r\nanything" {
			t.Errorf("kept %q", kept)
		}
	}
	if len(h.notes) != 1 || !strings.Contains(h.notes[0], "recorded as it is, passwords included") {
		t.Errorf("%q", h.notes)
	}
}

func TestNothingIsKeptWhenThePlaceIsLost(t *testing.T) {
	var h heard
	r := wire.NewRedactors(h.config("auto")).For("db", secrets())
	if r.Skip(fromClient, 5) || r.Redact(fromClient, []byte("*1\r\n")) {
		t.Error("something is kept though the beginning is not known")
	}
	if len(h.trouble) != 1 || !strings.Contains(h.trouble[0], "only the lengths are kept") {
		t.Errorf("%q", h.trouble)
	}
}

func secrets() flow.Redaction { return flow.Redaction{Authentication: true} }

func TestNoRedactorWithoutWish(t *testing.T) {
	var h heard
	if r := wire.NewRedactors(h.config("postgres")).For("db", flow.Redaction{}); r != nil {
		t.Error("there is one though nothing is to be overwritten")
	}
	if r := wire.NewRedactors(h.config("mongodb")).For("db", secrets()); r != nil {
		t.Error("there is one for a protocol that is not known")
	}
}
