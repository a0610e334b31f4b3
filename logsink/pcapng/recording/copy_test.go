package recording_test

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/proxy/flow"
)

// copied is what becomes of a recording.
func copied(t testing.TB, in []byte, c recording.Copy, o recording.Options) ([]byte, error) {
	t.Helper()
	r, err := recording.New(bytes.NewReader(in), "test", o)
	check(t, err)
	var out bytes.Buffer
	err = c.Write(&out, r)
	return out.Bytes(), err
}

// TestCopyAll copies everything: the same events come of it, and the same packets.
func TestCopyAll(t *testing.T) {
	in := two().b
	out, err := copied(t, in, recording.Copy{}, recording.Options{})
	check(t, err)
	if !bytes.Equal(in, out) {
		t.Errorf("%d bytes became %d", len(in), len(out))
	}
}

func TestCopySome(t *testing.T) {
	f := two()
	f.b = block.AppendNames(f.b, []block.Name{{Addr: netip.IPv6Loopback(), Names: []string{"db"}}})
	f.b = block.AppendSecrets(f.b, &block.Secrets{Type: block.SecretsTLS, Data: []byte("CLIENT_RANDOM 1 2\n")})
	f.b = block.AppendStatistics(f.b, &block.Statistics{Received: 99})
	only := recording.Options{Session: func(s *recording.Session) bool { return s.ID == "b" }}
	for _, secrets := range []bool{false, true} {
		out, err := copied(t, f.b, recording.Copy{Secrets: secrets}, only)
		check(t, err)
		if bytes.Contains(out, []byte("CLIENT_RANDOM")) != secrets {
			t.Errorf("secrets %v: they are not as they should be", secrets)
		}
		if bytes.Contains(out, []byte("session=a")) || !bytes.Contains(out, []byte("made by hand")) {
			t.Error("too much was copied, or too little")
		}
		got := whole(t, out, recording.Options{Leg: recording.LegBoth})
		want := []string{"b opened", "b connected", "b data > hello +5 snap_payload", "b reset < back", "b reset <", "b ended"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	}
	torn, err := copied(t, f.b[:len(f.b)-3], recording.Copy{}, only)
	if !errors.Is(err, block.ErrTorn) || !bytes.HasPrefix(f.b, torn[:100]) {
		t.Errorf("of a torn one: error %v", err)
	}
	whole(t, torn, recording.Options{})
}

// TestCopyEdit overwrites what is copied: lengths stay, and checksums are right.
func TestCopyEdit(t *testing.T) {
	upper := func(e *recording.Event) bool {
		copy(e.Payload, bytes.ToUpper(e.Payload))
		return e.Session.ID != "a" || e.Direction == client
	}
	out, err := copied(t, two().b, recording.Copy{Edit: upper}, recording.Options{})
	check(t, err)
	got := whole(t, out, recording.Options{})
	want := []string{
		"a opened", "b opened", "a connected", "a data > ONE ", "a named", "a data > TWO", "b connected",
		"b data > HELLO +5 snap_payload", "a data < +6 not_redactable", "a shut >", "b reset <", "b ended", "a shut <", "a ended",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	path := filepath.Join(t.TempDir(), "a.pcapng")
	check(t, os.WriteFile(path, out, 0o600))
	found := testkit.Run(t, "tshark", "-r", path, "-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE",
		"-d", "tcp.port==1-65535,data", "-T", "fields", "-E", "separator=|", "-e", "tcp.checksum.status", "-e", "tcp.analysis.flags",
		"-e", "_ws.malformed")
	for line := range strings.SplitSeq(strings.TrimSpace(found), "\n") {
		if !strings.HasSuffix(line, "||") || strings.HasPrefix(line, "0") {
			t.Errorf("tshark says %q (checksum, analysis, malformed)", line)
		}
	}
}

// TestCopyWire edits real packets: what comes again or too early is overwritten, since nobody has seen it.
func TestCopyWire(t *testing.T) {
	f := newFile(block.LinkEthernet, "lo")
	c := f.front(1, "a")
	c.comments = nil
	c.open()
	c.data(client, []byte("secret1"), 0)
	c.next[0] -= 7
	c.data(client, []byte("secret1"), 0) // again
	c.next[0] += 4
	c.data(client, []byte("secret3"), 0) // before what is ahead of it
	c.next[0] -= 7 + 4
	c.data(client, []byte("sec2"), 0)
	c.next[0] -= 2
	c.data(client, []byte("c2secret3secret4"), 0) // some of it again
	f.add(seg{from: c.ends[0], to: c.ends[1], seq: c.next[0], ack: c.next[1], flags: ack, pad: "sec in the padding"})
	var seen []string
	out, err := copied(t, f.b, recording.Copy{Edit: func(e *recording.Event) bool {
		seen = append(seen, string(e.Payload))
		copy(e.Payload, bytes.ToUpper(e.Payload))
		return true
	}}, recording.Options{})
	check(t, err)
	if bytes.Contains(out, []byte("sec")) {
		t.Error("something that nobody has seen was copied")
	}
	if diff := cmp.Diff([]string{"secret1", "", "secret3", "secret4"}, seen); diff != "" {
		t.Error(diff)
	}
	got := whole(t, out, recording.Options{})
	want := []string{
		"127.0.0.1:40001-127.0.0.1:62893 opened", "127.0.0.1:40001-127.0.0.1:62893 data > SECRET1",
		"127.0.0.1:40001-127.0.0.1:62893 data > xxxx", "127.0.0.1:40001-127.0.0.1:62893 data > SECRET3",
		"127.0.0.1:40001-127.0.0.1:62893 data > SECRET4", "127.0.0.1:40001-127.0.0.1:62893 ended unfinished",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

type broken struct{}

var errBroken = errors.New("broken")

func (broken) Write([]byte) (int, error) { return 0, errBroken }

func TestCopyFails(t *testing.T) {
	for _, packets := range []int{1, 1000} {
		r, err := recording.New(bytes.NewReader(large(packets).b), "test", recording.Options{})
		check(t, err)
		if err := (recording.Copy{}).Write(broken{}, r); !errors.Is(err, errBroken) || !strings.Contains(err.Error(), "write the copy") {
			t.Errorf("error %v", err)
		}
	}
}

// TestCopyMarks has the comments say what is overwritten now, beside what was before.
func TestCopyMarks(t *testing.T) {
	for before, want := range map[string]string{"": "rows", "authentication": "authentication,rows", "rows": "rows"} {
		f := relayed()
		a := f.front(1, "a")
		a.open()
		whose := block.Comment{Session: "a", Service: "db", Redacted: before, Other: []block.Field{{Key: "later", Value: "x"}}}
		a.data(client, []byte("hello"), 0, whose.String())
		leave := func(*recording.Event) bool { return true }
		out, err := copied(t, f.b, recording.Copy{Edit: leave, Overwrites: flow.Redaction{Rows: true}}, recording.Options{})
		check(t, err)
		whose.Redacted = want
		if !bytes.Contains(out, []byte(whose.String())) {
			t.Errorf("%q is not followed by %q", before, whose.String())
		}
		out, err = copied(t, f.b, recording.Copy{Edit: leave}, recording.Options{})
		check(t, err)
		if whose.Redacted = before; !bytes.Contains(out, []byte(whose.String())) {
			t.Errorf("%q is not what it was where nothing is overwritten", before)
		}
	}
}
