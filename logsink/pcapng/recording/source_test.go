package recording_test

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/zstd"

	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/recording"
)

func newKey(t testing.TB) *age.X25519Identity {
	t.Helper()
	key, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// compressed is in as one that is being written has it: a piece ends behind each of the pieces.
func compressed(t testing.TB, pieces ...[]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	z, err := zstd.NewWriter(&out, zstd.WithEncoderConcurrency(1))
	check(t, err)
	for _, p := range pieces {
		_, err := z.Write(p)
		check(t, err)
		check(t, z.Flush())
	}
	check(t, z.Close())
	return out.Bytes()
}

func encrypted(t testing.TB, in []byte, to ...age.Recipient) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := age.Encrypt(&out, to...)
	check(t, err)
	_, err = w.Write(in)
	check(t, err)
	check(t, w.Close())
	return out.Bytes()
}

// large is a recording that takes several pieces of every form.
func large(packets int) *file {
	f := relayed()
	c := f.front(1, "a")
	c.open()
	for n := range packets {
		payload := make([]byte, 1000)
		for i := range payload {
			payload[i] = byte(n*i + n>>2 + i*i>>3) // does not become much less
		}
		c.data(client, payload, 0)
	}
	return f
}

func count(told []string) (n int) {
	for _, l := range told {
		if strings.Contains(l, " data ") {
			n++
		}
	}
	return n
}

// TestForms reads recordings in every form, whole and torn at many places. Up to the tear everything is read.
func TestForms(t *testing.T) {
	const packets = 300
	plain, key := large(packets).b, newKey(t)
	packed := compressed(t, plain[:len(plain)/3], plain[len(plain)/3:len(plain)/2], plain[len(plain)/2:])
	for _, c := range []struct {
		what string
		in   []byte
	}{
		{"plain", plain}, {"compressed", packed}, {"encrypted", encrypted(t, plain, newKey(t).Recipient(), key.Recipient())},
		{"both", encrypted(t, packed, key.Recipient())},
	} {
		o := recording.Options{Identities: []age.Identity{key}}
		if got := count(whole(t, c.in, o)); got != packets {
			t.Errorf("%s: %d packets", c.what, got)
		}
		least := 0
		for i := 1; i <= 20; i++ {
			cut := len(c.in) * i / 20
			if i == 20 {
				cut -= 3
			}
			told, err := read(t, c.in[:cut], o)
			if !errors.Is(err, block.ErrTorn) {
				t.Errorf("%s, cut at %d of %d: error %v", c.what, cut, len(c.in), err)
			}
			if n := count(told); n < least {
				t.Errorf("%s, cut at %d: %d packets, and %d before", c.what, cut, n, least)
			} else {
				least = n
			}
		}
		if least < packets/2 || least == packets && c.what == "encrypted" {
			t.Errorf("%s: %d packets of %d when almost nothing is missing", c.what, least, packets)
		}
	}
}

// TestChanged tells damage from an early end, where that can be.
func TestChanged(t *testing.T) {
	key := newKey(t)
	plain := large(1000).b
	for what, in := range map[string][]byte{
		"compressed": compressed(t, plain), "encrypted": encrypted(t, plain, key.Recipient()),
	} {
		in[len(in)/10] ^= 0x55
		told, err := read(t, in, recording.Options{Identities: []age.Identity{key}})
		if err == nil || errors.Is(err, io.EOF) || errors.Is(err, block.ErrTorn) {
			t.Errorf("%s: %d packets, error %v", what, count(told), err)
		}
	}
}

func TestIdentities(t *testing.T) {
	key, other := newKey(t), newKey(t)
	in := encrypted(t, relayed().b, key.Recipient())
	at := filepath.Join(t.TempDir(), "key.txt")
	check(t, os.WriteFile(at, []byte("# created: today\n"+other.String()+"\n"+key.String()+"\n"), 0o600))
	for _, where := range []string{at, key.String()} {
		ids, err := recording.Identities(where)
		check(t, err)
		whole(t, in, recording.Options{Identities: ids})
	}
	_, err := recording.New(bytes.NewReader(in), "test", recording.Options{})
	if !errors.Is(err, recording.ErrEncrypted) || !strings.Contains(err.Error(), "expected an identity") {
		t.Errorf("none: error %v", err)
	}
	_, err = recording.New(bytes.NewReader(in), "test", recording.Options{Identities: []age.Identity{other}})
	if !errors.Is(err, recording.ErrEncrypted) || !strings.Contains(err.Error(), "not to the identity that was given") {
		t.Errorf("another one's: error %v", err)
	}
	check(t, os.WriteFile(at, []byte(key.String()[:40]+"\n"), 0o600))
	for where, want := range map[string]string{
		at: "expected lines that begin with AGE-SECRET-KEY-1", at + ".none": "no such file",
		key.String()[:40]: "the identity cannot be read",
	} {
		_, err := recording.Identities(where)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), key.String()[16:40]) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
	if _, err := recording.New(bytes.NewReader(in[:50]), "test", recording.Options{Identities: []age.Identity{key}}); err == nil {
		t.Error("a header that is not whole is read")
	}
}

func TestList(t *testing.T) {
	dir, key := t.TempDir(), newKey(t)
	const a, b, c = "db-20260102T150405Z.pcapng", "web-20260101T150405Z-alert.pcapng.zst.age", "copied.pcapng.zst"
	const part = ".db-20260102T150406Z.pcapng.part-k3y"
	for name, content := range map[string][]byte{
		a: two().b, b: encrypted(t, compressed(t, two().b), key.Recipient()), c: compressed(t, two().b), part: nil,
		"other.pcapng": block.AppendSection(nil, &block.Section{Application: "Dumpcap"}), "notes.txt": nil,
	} {
		check(t, os.WriteFile(filepath.Join(dir, name), content, 0o600))
	}
	check(t, os.Mkdir(filepath.Join(dir, "folder.pcapng"), 0o700))
	got, err := recording.List(dir)
	check(t, err)
	for i := range got {
		if got[i].Changed.IsZero() || got[i].Size == 0 && filepath.Base(got[i].Path) != part {
			t.Errorf("%+v", got[i])
		}
		got[i].Path, got[i].Changed, got[i].Size = filepath.Base(got[i].Path), began(), 0
	}
	want := []recording.Info{
		{Path: b, Service: "web", Label: "alert", Began: began().AddDate(0, 0, -1), Compressed: true, Encrypted: true},
		{Path: c, Service: "db", Began: began(), Compressed: true},
		{Path: a, Service: "db", Began: began()},
		{Path: part, Service: "db", Began: began().Add(1e9), Unfinished: true},
	}
	for i := range want {
		want[i].Changed = began()
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(sameTime)); diff != "" {
		t.Error(diff)
	}
	if _, err := recording.List(filepath.Join(dir, "none")); err == nil || !strings.Contains(err.Error(), "list the recordings") {
		t.Errorf("error %v", err)
	}
}

func TestOpen(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if _, err := recording.Open(path, recording.Options{}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	check(t, os.WriteFile(path, two().b, 0o600))
	r, err := recording.Open(path, recording.Options{})
	check(t, err)
	if e, err := r.Next(); err != nil || e.Kind != recording.Opened {
		t.Errorf("%+v, error %v", e, err)
	}
	check(t, r.Close())
}
