package testkit_test

import (
	"bytes"
	"errors"
	"io"
	"net"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
)

// talk sends b, finishes and returns the answer.
func talk(t *testing.T, addr net.Addr, b []byte) []byte {
	t.Helper()
	conn, err := net.Dial(addr.Network(), addr.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sent := make(chan error, 1)
	go func() {
		_, err := conn.Write(b)
		sent <- errors.Join(err, conn.(interface{ CloseWrite() error }).CloseWrite())
	}()
	got, err := io.ReadAll(conn)
	if err := errors.Join(err, <-sent); err != nil {
		t.Fatal(err)
	}
	return got
}

func TestEchoServer(t *testing.T) {
	echo := testkit.EchoServer(t)
	message := bytes.Repeat([]byte("0123456789"), 300_000)
	for range 2 {
		if got := talk(t, echo.Addr(), message); !bytes.Equal(got, message) {
			t.Fatalf("%d bytes came back of %d", len(got), len(message))
		}
	}
	testkit.Wait(t, "the ends", func() bool { return echo.Open() == 0 }, 10*time.Second)
	book := echo.Connections()
	if len(book) != 2 {
		t.Fatalf("%d connections in the book", len(book))
	}
	for i, c := range book {
		if c.ID != i+1 || c.Read() != uint64(len(message)) || c.Written() != c.Read() || c.Err() != nil || !c.Closed() {
			t.Errorf("connection %d: id %d, read %d, written %d, %v", i, c.ID, c.Read(), c.Written(), c.Err())
		}
	}
	read, written := echo.Bytes()
	if want := uint64(2 * len(message)); read != want || written != want {
		t.Errorf("read %d, written %d, want %d", read, written, want)
	}
}

func TestBackendOptions(t *testing.T) {
	early := errors.New("enough")
	var before atomic.Uint64
	b := testkit.Backend(t, testkit.BackendOptions{
		Network: "unix", Address: filepath.Join(t.TempDir(), "s"),
		Accepted: func(c *testkit.BackendConn) { before.Store(c.Read() + 1) },
		Serve: func(c net.Conn) error {
			if _, err := io.ReadFull(c, make([]byte, 3)); err != nil {
				return err
			}
			_, err := c.Write([]byte("bye"))
			return errors.Join(early, err)
		},
	})
	if got := talk(t, b.Addr(), []byte("abc")); string(got) != "bye" {
		t.Errorf("answer %q", got)
	}
	testkit.Wait(t, "the end", func() bool { return b.Open() == 0 }, 10*time.Second)
	c := b.Connections()[0]
	if !errors.Is(c.Err(), early) || c.Read() != 3 || before.Load() != 1 || b.Port() != 0 {
		t.Errorf("err %v, read %d, Accepted %d, port %d", c.Err(), c.Read(), before.Load(), b.Port())
	}
}

// TestBackendClose ends clients that would stay.
func TestBackendClose(t *testing.T) {
	echo := testkit.EchoServer(t)
	conn, err := net.Dial("tcp", echo.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	testkit.Wait(t, "the client", func() bool { return echo.Open() == 1 }, 10*time.Second)
	echo.Close()
	if n, err := conn.Read(make([]byte, 1)); n != 0 || err == nil {
		t.Errorf("read %d, %v from a closed backend", n, err)
	}
}
