package pcapng_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/store"
	"github.com/lodoor/lodoor/proxy/flow"
)

// hello is a ClientHello as far as its random, which is 32 times n.
func hello(n byte) []byte {
	return append([]byte{22, 3, 1, 0, 200, 1, 0, 0, 196, 3, 3}, bytes.Repeat([]byte{n}, 32)...)
}

// secretOf is the line of a key log with the secret of the session that began with hello(n).
func secretOf(n byte) string {
	return fmt.Sprintf("CLIENT_RANDOM %s %s\n", strings.Repeat(fmt.Sprintf("%02x", n), 32), strings.Repeat("5e", 48))
}

// secretsIn are those of which sessions a file has.
func secretsIn(t *testing.T, path string) (sessions []byte) {
	t.Helper()
	for _, b := range all(t, path) {
		for n := range byte(8) {
			if b.Kind == block.KindSecrets && bytes.Contains(b.Raw, []byte(secretOf(n))) {
				sessions = append(sessions, n)
			}
		}
	}
	return sessions
}

// A file has the secrets of its own service's sessions, those included that were there before it, and no others'. A
// session that goes through two services is in both.
func TestSecretsOfTheService(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys")
	r := newRig(t, pcapng.Config{Settings: pcapng.Settings{Keylog: keys}})
	sessions := map[string][]byte{"db": {1, 3}, "chat": {2, 3}}
	for service, numbers := range sessions {
		for _, n := range numbers {
			tap := r.tap(service, netipPort(int(n)), front4)
			tap.Data(flow.FromClient, time.Now(), hello(n))
		}
	}
	r.Pass()
	if err := os.WriteFile(keys, []byte(secretOf(0)+secretOf(1)+secretOf(2)+secretOf(3)), 0o600); err != nil {
		t.Fatal(err)
	}
	r.Pass()
	db, chat := r.follows("db"), r.follows("chat")
	for service, path := range map[string]string{"db": db.end(t), "chat": chat.end(t)} {
		if got := secretsIn(t, path); !slices.Equal(got, sessions[service]) {
			t.Errorf("who follows %s is told the secrets of sessions %v, want %v", service, got, sessions[service])
		}
	}
	r.end()
	for service, want := range sessions {
		if got := secretsIn(t, r.file(service)); !slices.Equal(got, want) {
			t.Errorf("the file of %s has the secrets of sessions %v, want %v", service, got, want)
		}
	}
}

// failing is a disk that takes nothing once it has failed.
type failing struct{ err error }

func (f *failing) Write(b []byte) (int, error) { return len(b), f.err }
func (*failing) Truncate(int64) error          { return nil }
func (*failing) Close() error                  { return nil }

// A disk that fails when secrets are written fails as for packets: all is given back, and nobody is recorded any more.
func TestDiskFailsWithSecrets(t *testing.T) {
	keys := filepath.Join(t.TempDir(), "keys")
	disk := &failing{}
	r, err := pcapng.New(pcapng.Config{
		Settings: pcapng.Settings{Dir: t.TempDir(), Keylog: keys}, Standing: standing("db"),
		Create: func(string) (store.Media, error) { return disk, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	first := r.Tap(opening("db", netipPort(0), front4))
	first.Data(flow.FromClient, time.Now(), hello(1))
	r.Pass()
	disk.err = errors.New("worn out")
	const buffered = 256 << 10 // so much a file takes before it writes
	if err := os.WriteFile(keys, []byte(strings.Repeat(secretOf(1), 2*buffered/len(secretOf(1)))), 0o600); err != nil {
		t.Fatal(err)
	}
	second := r.Tap(opening("db", netipPort(1), front4))
	second.Data(flow.FromClient, time.Now(), pattern(0, 1000))
	first.Done(time.Now(), fin())
	r.Pass()
	if !r.Stats().Failed {
		t.Fatal("it has not failed")
	}
	second.Data(flow.FromClient, time.Now(), pattern(1000, 1000))
	if kept, skipped := second.Done(time.Now(), fin()); kept != 1000 || skipped != 1000 {
		t.Errorf("kept %d, skipped %d, want what came after the failure to be skipped", kept, skipped)
	}
	r.Pass()
	if got := r.Stats(); got.Waiting != 0 || got.Lost < 1000 {
		t.Errorf("stats: %+v", got)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}
