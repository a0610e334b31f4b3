package pcapng_test

import (
	"context"
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng"
	"github.com/lodoor/lodoor/logsink/pcapng/block"
	"github.com/lodoor/lodoor/logsink/pcapng/policy"
)

// With source: wire the kernel's own packets are in the file, with the session that they are of.
func TestWire(t *testing.T) {
	testkit.NeedRoot(t)
	r := newRig(t, pcapng.Config{
		Settings: pcapng.Settings{Source: pcapng.SourceWire}, Standing: []policy.Standing{{Service: "db"}},
	})
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	front := l.Addr().(*net.TCPAddr).AddrPort()
	w, err := r.NewWire([]pcapng.End{{Service: "db", Addr: front}, {Service: "chat", Addr: netip.MustParseAddrPort(front4)}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	over := make(chan error, 1)
	go func() { over <- w.Run(ctx) }()

	client, err := net.Dial("tcp4", front.String())
	if err != nil {
		t.Fatal(err)
	}
	open := opening("db", client.LocalAddr().String(), front.String())
	if tap := r.Tap(open); tap != nil {
		t.Error("a tap, though the packets are recorded")
	}
	accepted, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := client.Write([]byte("from the client")); err != nil {
		t.Fatal(err)
	}
	if err := client.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(accepted); err != nil || string(got) != "from the client" {
		t.Fatalf("read %q, %v", got, err)
	}
	// A recording that somebody starts has sessions that begin from then on. It takes no packets from this one.
	if _, err := r.Start(policy.Request{Service: "db"}); err != nil {
		t.Fatal(err)
	}
	_ = accepted.Close()
	if _, err := io.ReadAll(client); err != nil {
		t.Fatal(err)
	}
	_ = client.Close()
	testkit.Wait(t, "the packets", func() bool {
		s, err := w.Stats()
		return err == nil && s.Received >= 8
	}, 10*time.Second)
	stop()
	if err := <-over; err != nil {
		t.Error(err)
	}
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	r.end()
	fins := 0
	var payload, sessions []string
	for _, row := range tsharkWire(t, r.file("db")) {
		payload = append(payload, string(row.payload))
		if strings.Contains(row.flags, "F") {
			fins++
		}
		if c, ok := block.ParseComment(row.comment); ok {
			sessions = append(sessions, c.Session)
		}
	}
	if fins != 2 {
		t.Errorf("%d packets with FIN, want 2", fins)
	}
	if strings.Join(payload, "") != "from the client" || len(sessions) != 1 || sessions[0] != open.Session.String() {
		t.Errorf("payload %q, sessions %q", payload, sessions)
	}
	if head := all(t, r.file("db"))[0].Section; !strings.Contains(head.Comment, "network's own packets") {
		t.Errorf("section %+v", head)
	}
}
