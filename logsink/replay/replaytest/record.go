// Package replaytest makes recordings for tests: it has the recorder itself look at what real clients and services say to
// each other.
package replaytest

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/policy"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/wire"
)

// service is what recorded services are called.
const service = "svc"

// Record has what goes to a port of 127.0.0.1 recorded while use runs, at the port that it is given, and returns the
// recording. Passwords are overwritten.
func Record(t testing.TB, protocol string, port int, use func(port string)) string {
	t.Helper()
	settings := pcapng.Defaults()
	settings.Dir = filepath.Join(t.TempDir(), "recordings")
	redactors := wire.NewRedactors(wire.Config{
		Protocol: func(string) string { return protocol }, Note: func(_, _, text string) { t.Log(text) },
		Trouble: func(_ string, err error) { t.Error(err) },
	})
	recorder, err := pcapng.New(pcapng.Config{
		Settings: settings, Standing: []policy.Standing{{Service: service, Plan: settings.Plan()}}, Version: "test",
		Trouble: func(err error) { t.Error(err) },
		Redactor: func(name string, what flow.Redaction) pcapng.Redactor {
			if r := redactors.For(name, what); r != nil {
				return r
			}
			return nil
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	recorded := make(chan error, 1)
	go func() { recorded <- recorder.Run(ctx) }()
	r := open(t, recorder, port)
	use(strconv.Itoa(int(r.front.Port())))
	r.close()
	cancel()
	if err := <-recorded; err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(settings.Dir, service+"-*.pcapng"))
	if err != nil || len(files) != 1 {
		t.Fatalf("recordings %v, %v", files, err)
	}
	return files[0]
}

// relay is a door with no more than what a recording needs.
type relay struct {
	t        testing.TB
	recorder *pcapng.Recorder
	ln       net.Listener
	front    netip.AddrPort
	backend  string
	sessions sync.WaitGroup
}

func open(t testing.TB, recorder *pcapng.Recorder, port int) *relay {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{
		t: t, recorder: recorder, ln: ln, front: ln.Addr().(*net.TCPAddr).AddrPort(),
		backend: net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
	}
	r.sessions.Go(r.accept)
	return r
}

// close waits for the sessions to end.
func (r *relay) close() {
	r.ln.Close()
	r.sessions.Wait()
}

func (r *relay) accept() {
	for {
		client, err := r.ln.Accept()
		if err != nil {
			return
		}
		r.sessions.Go(func() { r.session(client.(*net.TCPConn)) })
	}
}

func (r *relay) session(client *net.TCPConn) {
	defer func() { _ = client.Close() }()
	conn, err := net.Dial("tcp", r.backend)
	if err != nil {
		r.t.Error(err)
		return
	}
	defer conn.Close()
	backend := conn.(*net.TCPConn)
	tap := r.recorder.Tap(&flow.Record{
		Time: time.Now(), Event: flow.EventSessionOpen, Service: service, Session: flow.NewSessionID(),
		Peer:    &flow.Peer{Addr: client.RemoteAddr().(*net.TCPAddr).AddrPort(), Front: r.front},
		Verdict: &flow.Verdict{Action: flow.Allow, Rule: "builtin.loopback"},
	})
	if tap == nil {
		r.t.Error("the recorder has no tap for a session")
		return
	}
	tap.Connected(time.Now(), backend.LocalAddr().(*net.TCPAddr).AddrPort(), backend.RemoteAddr().(*net.TCPAddr).AddrPort())
	var both sync.WaitGroup
	var one sync.Mutex
	both.Go(func() { carry(tap, &one, flow.FromClient, client, backend) })
	carry(tap, &one, flow.FromBackend, backend, client)
	both.Wait()
	tap.Done(time.Now(), &flow.Outcome{End: flow.EndFIN, EndedBy: flow.SideClient})
}

// carry moves one direction. As in an event loop one thing is told at a time: that a question was written comes before
// that its answer was read. What is carried must fit the sockets' buffers where both sides send at once.
func carry(tap flow.SessionTap, one *sync.Mutex, d flow.Direction, from, to *net.TCPConn) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if n > 0 {
			pass(tap, one, d, to, b[:n])
		}
		switch {
		case errors.Is(err, io.EOF):
			tap.Shut(d, time.Now())
			_ = to.CloseWrite()
			return
		case err != nil: // a reset, which is passed on by closing
			_ = to.Close()
			return
		}
	}
}

func pass(tap flow.SessionTap, one *sync.Mutex, d flow.Direction, to *net.TCPConn, b []byte) {
	one.Lock()
	defer one.Unlock()
	tap.Data(d, time.Now(), b)
	if _, err := to.Write(b); err == nil {
		tap.Written(d, time.Now(), uint64(len(b)))
	}
}
