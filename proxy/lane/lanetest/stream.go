package lanetest

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// errWrong says that a stream does not have the bytes that were sent.
var errWrong = errors.New("wrong byte")

// stream is an endless sequence of bytes that every offset can be checked against.
type stream uint64

// The streams of the two directions.
const (
	fromClient  stream = 0x9e3779b97f4a7c15
	fromBackend stream = 0xc2b2ae3d27d4eb4f
)

func (s stream) at(offset uint64) byte {
	x := (offset + 1) * uint64(s)
	return byte(x >> 56)
}

// fill writes what the stream has at offset into b. The race detector would look at each byte by itself, of buffers that
// are the caller's own.
//
//go:norace
func (s stream) fill(b []byte, offset uint64) []byte {
	for i := range b {
		b[i] = s.at(offset + uint64(i))
	}
	return b
}

// bytes are the stream's first n.
func (s stream) bytes(n int) []byte { return s.fill(make([]byte, n), 0) }

// check compares b with what the stream has at offset. As with fill, the race detector stays out.
//
//go:norace
func (s stream) check(b []byte, offset uint64) error {
	for i := range b {
		if b[i] != s.at(offset+uint64(i)) {
			return fmt.Errorf("%w at offset %d", errWrong, offset+uint64(i))
		}
	}
	return nil
}

// send writes n bytes of the stream.
func (s stream) send(t testing.TB, c net.Conn, n int) {
	t.Helper()
	if _, err := c.Write(s.bytes(n)); err != nil {
		t.Errorf("send %d bytes: %v", n, err)
	}
}

// sendLate writes n bytes of the stream from another goroutine, which then calls then; the test waits for it at its
// end. It answers with the error of the write.
func (s stream) sendLate(t testing.TB, c net.Conn, n int, then func(net.Conn)) <-chan error {
	var wait sync.WaitGroup
	t.Cleanup(wait.Wait)
	wrote := make(chan error, 1)
	wait.Go(func() {
		_, err := c.Write(s.bytes(n))
		then(c)
		wrote <- err
	})
	return wrote
}

// nothing is what a sender does afterwards that stays.
func nothing(net.Conn) {}

// expect reads exactly n bytes of the stream from its beginning.
func (s stream) expect(t testing.TB, c net.Conn, n int) {
	t.Helper()
	b := make([]byte, n)
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatalf("read %d bytes: %v", n, err)
	}
	if err := s.check(b, 0); err != nil {
		t.Fatal(err)
	}
}

// drain reads and checks until the stream ends, and returns its length and the error that ended it; nil for its end in
// order.
func (s stream) drain(c io.Reader, count *atomic.Uint64) error {
	b := make([]byte, 32<<10)
	for {
		n, err := c.Read(b)
		if wrong := s.check(b[:n], count.Load()); wrong != nil {
			return wrong
		}
		count.Add(uint64(n))
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// rest is what reading to the end gives: the number of bytes, and the error; nil for the end in order.
func (s stream) rest(c io.Reader) (uint64, error) {
	var n atomic.Uint64
	err := s.drain(c, &n)
	return n.Load(), err
}
