//go:build unix

package probe

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func endpoint(t *testing.T, text string) flow.Endpoint {
	t.Helper()
	e, err := flow.ParseEndpoint(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestLookAtAService(t *testing.T) {
	b := testkit.EchoServer(t)
	f := Look(t.Context(), endpoint(t, b.Addr().String()))
	if len(f.Attempts) != 1 || !f.Attempts[0].Good() || f.Attempts[0].After != StaysOpen || !f.Attempts[0].Own {
		t.Fatalf("%+v", f.Attempts)
	}
	if from := f.Attempts[0].From.String(); len(b.Connections()) != 1 || b.Connections()[0].Remote != from {
		t.Errorf("the server saw %+v, and the attempt says it came from %s", b.Connections(), from)
	}
	if f.Blind == "" && (len(f.Listeners) != 1 || f.Listeners[0].PID != os.Getpid()) {
		t.Errorf("%+v", f.Listeners)
	}
}

// The port of an attempt that was reset at once is known all the same.
func TestPortOfAReset(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	seen := make(chan string, 1)
	go func() {
		defer close(seen)
		c, err := ln.Accept()
		if err != nil {
			return
		}
		seen <- c.RemoteAddr().String()
		_ = c.(*net.TCPConn).SetLinger(0)
		_ = c.Close()
	}()
	f := Look(t.Context(), endpoint(t, ln.Addr().String()))
	_ = ln.Close()
	a := f.Attempts[0]
	from := <-seen
	if a.Outcome != Connected || a.After != ResetThen || !strings.HasSuffix(from, a.From.String()[strings.LastIndexByte(a.From.String(), ':'):]) {
		t.Errorf("%+v; the server saw %s", a, from)
	}
}

// No attempt is begun once the time is up.
func TestLookWithoutTime(t *testing.T) {
	b := testkit.EchoServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	f := Look(ctx, endpoint(t, b.Addr().String()))
	if len(f.Attempts) != 1 || f.Attempts[0].Outcome != NotTried || len(b.Connections()) != 0 {
		t.Errorf("%+v", f.Attempts)
	}
}

// A port alone is localhost and both loopback addresses, each tried once.
func TestWhatAPortMeans(t *testing.T) {
	f := Look(t.Context(), flow.Endpoint{Port: uint16(testkit.FreePort(t))})
	seen := map[string]int{}
	for _, a := range f.Attempts {
		seen[a.Addr.Addr().String()]++
	}
	if seen["127.0.0.1"] != 1 || seen["::1"] != 1 || f.Attempts[0].Name != "localhost" {
		t.Errorf("%+v", f.Attempts)
	}
	f = Look(t.Context(), endpoint(t, "0.0.0.0:"+f.At.String()))
	if len(f.Attempts) != 1 || f.Attempts[0].Addr.Addr().String() != "127.0.0.1" {
		t.Errorf("%+v", f.Attempts)
	}
}

// What binding tries to take it gives back, and it takes nothing from others.
func TestLookBind(t *testing.T) {
	at := flow.Endpoint{Host: "127.0.0.1", Port: uint16(testkit.FreePort(t))}
	if f := LookBind(t.Context(), at); len(f.Binds) != 1 || f.Binds[0].Outcome != Bound {
		t.Fatalf("%+v", f.Binds)
	}
	ln, err := net.Listen("tcp", at.String())
	if err != nil {
		t.Fatalf("it was not given back: %v", err)
	}
	defer ln.Close()
	if f := LookBind(t.Context(), at); len(f.Binds) != 1 || f.Binds[0].Outcome != InUse {
		t.Errorf("%+v", f.Binds)
	}
}

// A socket of the same name that is alive is pointed to.
func TestSocketElsewhere(t *testing.T) {
	name := "probe-" + filepath.Base(t.TempDir()) + ".sock"
	dir, err := os.MkdirTemp("", "probe-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	alive := filepath.Join(dir, name)
	testkit.Backend(t, testkit.BackendOptions{Network: "unix", Address: alive})
	f := Look(t.Context(), flow.Endpoint{Path: filepath.Join(dir, "gone", name)})
	if f.Blind == "" && (len(f.Socket.Elsewhere) != 1 || f.Socket.Elsewhere[0] != alive) || f.Socket.Lacking != filepath.Join(dir, "gone") {
		t.Errorf("%+v", f.Socket)
	}
}
