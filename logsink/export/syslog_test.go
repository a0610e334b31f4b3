package export

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/journal"
)

func newSyslog(t testing.TB, s SyslogSettings) *Syslog {
	t.Helper()
	d, err := NewSyslog(SyslogConfig{Settings: s, From: testFrom(), Warn: func(err error) { t.Log(err) }})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

func listen(t testing.TB) (net.Listener, SyslogSettings) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l, SyslogSettings{Address: "tcp://" + l.Addr().String()}
}

func accept(t testing.TB, l net.Listener) net.Conn {
	t.Helper()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(longWait)); err != nil {
		t.Fatal(err)
	}
	return conn
}

func deliver(t testing.TB, d journal.Destination, entries []journal.Entry) {
	t.Helper()
	if n, err := d.Deliver(context.Background(), entries); n != len(entries) || err != nil {
		t.Fatalf("%d of %d were delivered: %v", n, len(entries), err)
	}
}

// octets reads n messages that are framed by their length, and returns the sequence numbers.
func octets(t testing.TB, r *bufio.Reader, n int) (seqs []uint64) {
	t.Helper()
	for range n {
		var size int
		if _, err := fmt.Fscanf(r, "%d ", &size); err != nil {
			t.Fatal(err)
		}
		message := make([]byte, size)
		if _, err := io.ReadFull(r, message); err != nil {
			t.Fatal(err)
		}
		var seq uint64
		_, rest, _ := bytes.Cut(message, []byte(`"record":{"seq":`))
		if _, err := fmt.Fscanf(bytes.NewReader(rest), "%d", &seq); err != nil {
			t.Fatalf("%v: %q", err, message)
		}
		seqs = append(seqs, seq)
	}
	return seqs
}

func gone(t testing.TB, d *Syslog) {
	t.Helper()
	testkit.Wait(t, "the end of the connection to be seen", d.stream.over, longWait)
}

// TestSyslogReconnect ends a connection in both ways: what the receiver had not read comes again, what it had does not.
func TestSyslogReconnect(t *testing.T) {
	l, s := listen(t)
	d, entries := newSyslog(t, s), written(t, 4)
	deliver(t, d, entries[:2])
	conn := accept(t, l)
	octets(t, bufio.NewReader(conn), 2)
	conn.Close() // everything was read: an end in order
	gone(t, d)
	deliver(t, d, entries[2:4])
	deliver(t, d, entries[4:5])
	conn = accept(t, l)
	if _, err := io.ReadFull(conn, make([]byte, 10)); err != nil {
		t.Fatal(err)
	}
	conn.Close() // with bytes that were not read: a reset
	gone(t, d)
	deliver(t, d, entries[5:6])
	if diff := cmp.Diff([]uint64{3, 4, 5, 6}, octets(t, bufio.NewReader(accept(t, l)), 4)); diff != "" {
		t.Error(diff)
	}
}

// TestSyslogStall has a receiver that reads nothing: the delivery fails after its time, and what it had comes again.
func TestSyslogStall(t *testing.T) {
	l, s := listen(t)
	s.Timeout, s.MaxMessage = 300*time.Millisecond, 4<<20
	d, entries := newSyslog(t, s), written(t, 1)[:1]
	entries[0].Line = []byte(`{"seq":1,"x":"` + strings.Repeat("x", 1<<20) + `"}`)
	many := []journal.Entry{entries[0], entries[0], entries[0], entries[0], entries[0], entries[0], entries[0], entries[0]}
	if n, err := d.Deliver(context.Background(), append(many, many...)); n != 0 || err == nil {
		t.Fatalf("got %d, %v", n, err)
	}
	accept(t, l).Close()
	d.timeout = longWait
	sent := make(chan error, 1)
	go func() {
		_, err := d.Deliver(context.Background(), many[:2])
		sent <- err
	}()
	if diff := cmp.Diff([]uint64{1, 1}, octets(t, bufio.NewReader(accept(t, l)), 2)); diff != "" {
		t.Error(diff)
	}
	if err := <-sent; err != nil {
		t.Error(err)
	}
}

func TestSyslogNobody(t *testing.T) {
	l, s := listen(t)
	l.Close()
	if n, err := newSyslog(t, s).Deliver(context.Background(), written(t, 1)); n != 0 || err == nil {
		t.Errorf("got %d, %v", n, err)
	}
	s.Address = "unix://" + t.TempDir() + "/none"
	if n, err := newSyslog(t, s).Deliver(context.Background(), written(t, 1)); n != 0 || err == nil {
		t.Errorf("got %d, %v", n, err)
	}
}

// TestSyslogWindow bounds what is kept, and keeps the last.
func TestSyslogWindow(t *testing.T) {
	var w window
	for i := range 10 {
		w.push(make([]byte, maxKept/4+i))
	}
	if len(w.batches) != 3 || len(w.batches[2]) != maxKept/4+9 || w.size > maxKept {
		t.Errorf("%d batches, %d bytes", len(w.batches), w.size)
	}
	if w.push(make([]byte, 2*maxKept)); len(w.batches) != 1 || w.size != 2*maxKept {
		t.Errorf("%d batches, %d bytes", len(w.batches), w.size)
	}
}

// TestSyslogDatagramTooLong: what the socket does not take is replaced, too.
func TestSyslogDatagramTooLong(t *testing.T) {
	path := t.TempDir() + "/log"
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	d, entries := newSyslog(t, SyslogSettings{Address: "unix://" + path, MaxMessage: 4 << 20}), written(t, 1)
	entries[0].Line = []byte(`{"seq":1,"x":"` + strings.Repeat("x", 1<<20) + `"}`)
	deliver(t, d, entries[:2])
	buffer := make([]byte, 1<<20)
	for _, want := range []string{`"omitted_bytes":1048592}}`, string(entries[1].Line)} {
		n, err := conn.Read(buffer)
		if err != nil || !strings.Contains(string(buffer[:n]), want) {
			t.Errorf("got %v, %.300q", err, buffer[:n])
		}
	}
	if d.Omitted() != 1 {
		t.Errorf("%d were omitted", d.Omitted())
	}
}
