package backend_test

import (
	"context"
	"net"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/lodoor/lodoor/logsink/pcapng/recording"
	"github.com/lodoor/lodoor/logsink/replay/backend"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// answering is a recording that answers.
type answering struct {
	*backend.Server
	port string

	mu            sync.Mutex
	missed, notes []string
}

// answer has a recording answer until the test is over.
func answer(t *testing.T, path string) *answering {
	t.Helper()
	r, err := recording.Open(path, recording.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close() }()
	a := &answering{}
	a.Server, err = backend.New(backend.Config{
		Recording: r, Name: "monday.pcapng", Missed: a.miss, Note: func(s string) { a.notes = append(a.notes, s) },
	})
	if err != nil {
		t.Fatal(err)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, a.port, _ = net.SplitHostPort(ln.Addr().String())
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.Serve(ctx, ln) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return a
}

func (a *answering) miss(text string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.missed = append(a.missed, text)
}

func (a *answering) misses() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.missed...)
}
