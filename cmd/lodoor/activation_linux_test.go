package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// activated starts lodoor as systemd does that holds its listening socket: descriptor 3, see sd_listen_fds(3).
func activated(t *testing.T, home *testkit.Home, socket *os.File, args ...string) *testkit.Child {
	t.Helper()
	run := home.Command(args...)
	cmd := exec.Command("sh", append([]string{"-c", `LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=door exec "$0" "$@"`}, run.Args...)...)
	cmd.Dir, cmd.Env, cmd.ExtraFiles = run.Dir, run.Env, []*os.File{socket}
	return testkit.Start(t, cmd)
}

// keptSocket listens, and goes on to when lodoor has ended.
func keptSocket(t *testing.T) (*os.File, string) {
	t.Helper()
	var config net.ListenConfig
	config.SetMultipathTCP(false)
	l, err := config.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, l.Addr().String()
}

// knockers connect again and again, each time from an address that nobody had before, and introduce themselves.
type knockers struct {
	to   string
	next atomic.Uint32

	mu   sync.Mutex
	used map[string]bool // addresses that got an answer
	errs []error
}

// run knocks until stop is closed.
func (k *knockers) run(stop <-chan struct{}) {
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					k.knock()
				}
			}
		})
	}
	all.Wait()
}

func (k *knockers) knock() {
	n := k.next.Add(1)
	from := netip.AddrFrom4([4]byte{127, byte(1 + n>>16), byte(n >> 8), byte(n)})
	d := net.Dialer{LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(from, 0)), Timeout: time.Minute}
	c, err := d.Dial("tcp", k.to)
	if err == nil {
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(time.Minute))
		_, err = fmt.Fprintf(c, "%-32s!", c.LocalAddr())
	}
	if err == nil {
		_, err = c.Read(make([]byte, 1))
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err != nil {
		k.errs = append(k.errs, err)
		return
	}
	k.used[c.LocalAddr().String()] = true
}

func (k *knockers) len() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.used)
}

// P3, P11: over reloads and restarts under load, on a socket that is kept, no client is lost or refused, and each is in
// the journal exactly once. The long form has 50 reloads.
func TestEachClientOnceOverReloadsAndRestarts(t *testing.T) {
	seen := &book{clients: make(map[string]int)}
	backend := testkit.Backend(t, testkit.BackendOptions{Serve: seen.serve})
	home := testkit.NewHome(t)
	socket, at := keptSocket(t)
	port, dir := netip.MustParseAddrPort(at).Port(), filepath.Join(t.TempDir(), "journal")
	file := filepath.Join(home.Dir(), "lodoor.yaml")
	write := func(round int) {
		t.Helper()
		text := fmt.Sprintf("journal: {dir: %s}\nservices:\n  - {name: svc%d, listen: 127.0.0.1:%d, backend: %d}\n", dir, round%3, port,
			backend.Port())
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(0)

	k := &knockers{to: at, used: make(map[string]bool)}
	stop, knocked := make(chan struct{}), make(chan struct{})
	go func() { defer close(knocked); k.run(stop) }()
	reloads, restarts := soak(9, 50), soak(3, 5)
	for round := range restarts {
		d := activated(t, home, socket, "run", "--config", file)
		before := k.len()
		testkit.Wait(t, "clients to come in", func() bool { return k.len() >= before+20 || d.Exited() }, 60*time.Second)
		for i := range reloads / restarts {
			write(round + i)
			testkit.Wait(t, "the reload", func() bool {
				_, _, code := home.Run("reload", "--dir", dir)
				return code == exitOK || d.Exited()
			}, 60*time.Second)
		}
		if round == restarts-1 {
			close(stop)
			<-knocked
		}
		d.Signal(syscall.SIGTERM)
		if code := d.Wait(60 * time.Second); code != exitOK {
			t.Fatalf("round %d ended with %d: %s", round, code, d.Stderr())
		}
	}
	checkClients(t, k, seen, dir)
}

// checkClients compares what clients, backend and journal say.
func checkClients(t *testing.T, k *knockers, seen *book, dir string) {
	t.Helper()
	if len(k.errs) > 0 {
		t.Errorf("%d clients failed, the first with %v", len(k.errs), k.errs[0])
	}
	opens := make(map[string]int)
	for _, r := range readRecords(t, dir, flow.EventSessionOpen) {
		opens[r.Peer.Addr.String()]++
	}
	for client := range k.used {
		if opens[client] != 1 || seen.clients[client] != 1 {
			t.Errorf("client %s: %d opens, %d times at the backend", client, opens[client], seen.clients[client])
		}
	}
	if len(opens) != len(k.used) {
		t.Errorf("%d clients, %d of them in the journal", len(k.used), len(opens))
	}
	if refused := readRecords(t, dir, flow.EventSessionRefused); len(refused) != 0 {
		t.Errorf("%d were refused, the first: %s", len(refused), refused[0].Verdict.Reason)
	}
	verified(t, dir)
	t.Logf("%d clients over %s reloads", len(k.used), strconv.Itoa(len(readRecords(t, dir, flow.EventConfigLoaded))))
}
