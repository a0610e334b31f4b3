//go:build linux

package peers

import (
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/lodoor/lodoor/bench/machine"
	"github.com/lodoor/lodoor/internal/testkit"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func door(t *testing.T, name string) Door {
	t.Helper()
	for _, d := range All() {
		if d.Name == name {
			return d
		}
	}
	t.Fatalf("there is no door %s", name)
	return Door{}
}

// TestDoors opens each kind of door, sends a message through each of its fronts, sees that the connections were logged,
// and closes it.
func TestDoors(t *testing.T) {
	echo, other := testkit.EchoServer(t), testkit.EchoServer(t)
	opener := Opener{Lodoor: testkit.Binary(t), Backends: []Service{{"echo", 0, echo.Port()}, {"other", 0, other.Port()}}}
	for _, name := range []string{
		Direct, HAProxy, Spliced, Nginx, Socat, Rinetd, Lodoor, "lodoor quiet", "lodoor no processes", "lodoor record", "lodoor rules 100", "lodoor when 5000",
	} {
		t.Run(name, func(t *testing.T) {
			d := door(t, name)
			if p := d.Program(); p != "" && p != Lodoor {
				testkit.Need(t, p)
			}
			dir := t.TempDir()
			open, err := opener.Open(t.Context(), d, dir)
			if err != nil {
				t.Fatal(err)
			}
			defer open.Close()
			for _, s := range opener.Backends {
				talk(t, open.Port(s.Name))
			}
			relay, err := open.Relay()
			if direct := d.Program() == ""; err != nil || direct != (len(relay) == 0) {
				t.Errorf("relay %v, %v", relay, err)
			}
			if d.Program() != "" {
				testkit.Wait(t, "two connections in the log", func() bool { return logged(t, dir) }, 10*time.Second)
			}
			if said, err := open.Said(); d.Program() == Lodoor && (err != nil || strings.Contains(said, "127.0.0.1") == (name == "lodoor quiet")) {
				t.Errorf("it said %q, %v", said, err)
			}
			open.Close()
			// Killed children of a relay that has ended are buried by somebody else.
			testkit.Wait(t, "every process to end", func() bool { left, err := machine.Tree(relay...); return err == nil && len(left) == 0 },
				10*time.Second)
		})
	}
}

func talk(t *testing.T, port int) {
	t.Helper()
	conn, err := net.Dial("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write([]byte("hello")); err != nil {
		t.Fatal(err)
	}
	answer := make([]byte, 5)
	if _, err := io.ReadFull(conn, answer); err != nil || string(answer) != "hello" {
		t.Errorf("answer %q, %v", answer, err)
	}
}

// logged says whether the files below dir have a line with 127.0.0.1 for each of two connections.
func logged(t *testing.T, dir string) bool {
	t.Helper()
	lines := 0
	err := filepath.WalkDir(dir, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() || strings.HasSuffix(path, ".yaml") {
			return err
		}
		b, err := os.ReadFile(path)
		for line := range strings.Lines(string(b)) {
			if strings.Contains(line, "127.0.0.1") && !strings.HasPrefix(line, "socat ") && !strings.Contains(line, "listening") {
				lines++
			}
		}
		return err
	})
	if err != nil {
		t.Log(err) // a file that is gone again
	}
	return lines >= 2
}

// TestRefused is a variant that this lodoor does not know.
func TestRefused(t *testing.T) {
	d := door(t, Lodoor)
	d.change.settings = map[string]string{"lane": "{kind: \"magic carpet\"}"}
	opener := Opener{Lodoor: testkit.Binary(t), Backends: []Service{{"echo", 0, testkit.EchoServer(t).Port()}}}
	open, err := opener.Open(t.Context(), d, t.TempDir())
	if open != nil || !errors.Is(err, ErrRefused) || !strings.Contains(err.Error(), "lane") {
		t.Errorf("%v, %v", open, err)
	}
}

// TestMissing is a relay that is not installed.
func TestMissing(t *testing.T) {
	d := door(t, HAProxy)
	d.program = "no-such-program"
	if _, err := (Opener{}).Open(t.Context(), d, t.TempDir()); err == nil || !strings.Contains(err.Error(), "not installed") {
		t.Errorf("got %v", err)
	}
}

func TestShown(t *testing.T) {
	services := []Service{{"redis", 26379, 6379}}
	for name, want := range map[string][]string{
		HAProxy:              {"src 127.0.0.0/8", "127.0.0.1:26379", "nbthread 2"},
		Spliced:              {"option splice-request", "option splice-response"},
		Nginx:                {"allow 127.0.0.0/8", "worker_processes 2", "DIR/access.log"},
		Rinetd:               {"allow 127.*", "127.0.0.1 26379 127.0.0.1 6379"},
		Socat:                {"range=127.0.0.0/8", "fork"},
		"lodoor rules 10000": {"and so on, 10000 rules", "name: r2"},
		"lodoor when 1":      {"when: peer.port == 1"},
	} {
		text, err := door(t, name).Shown(services)
		if err != nil {
			t.Error(err)
		}
		for _, part := range want {
			if !strings.Contains(text, part) {
				t.Errorf("%s has no %q:\n%s", name, part, text)
			}
		}
		if len(text) > 3000 {
			t.Errorf("%s shows %d bytes", name, len(text))
		}
	}
	if text, _ := door(t, HAProxy).Shown(services); strings.Contains(text, "splice") {
		t.Errorf("HAProxy is told to splice:\n%s", text)
	}
}
