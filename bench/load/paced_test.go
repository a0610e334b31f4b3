//go:build linux

package load

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
)

func TestPaced(t *testing.T) {
	e := echo(t)
	p := Paced{Port: e.Port(), Every: 5 * time.Millisecond, Stay: 2 * time.Millisecond, For: 100 * time.Millisecond}
	made, err := p.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	n := len(made.Latencies)
	if n == 0 || n > 1+int(p.For/p.Every) || int64(n) != e.Accepted() {
		t.Errorf("%d latencies, %d accepted", n, e.Accepted())
	}
	if least := time.Duration(n) * p.Every; made.Elapsed < least {
		t.Errorf("%d connections took %v, not %v", n, made.Elapsed, least)
	}
	for _, l := range made.Latencies {
		if l <= 0 || l > (made.Elapsed-p.Stay).Seconds() {
			t.Errorf("a latency of %v s in %v", l, made.Elapsed)
		}
	}
	testkit.Wait(t, "the ends", func() bool { return e.Open() == 0 }, 10*time.Second)
}

// TestPacedStays looks at a connection from the service's side: it is open for a while after the answer.
func TestPacedStays(t *testing.T) {
	const stay = 30 * time.Millisecond
	open := make(chan time.Duration, 1)
	b := testkit.Backend(t, testkit.BackendOptions{Serve: func(c net.Conn) error {
		buffer := make([]byte, 64)
		n, err := c.Read(buffer)
		if err != nil {
			return err
		}
		began := time.Now()
		if _, err := c.Write(buffer[:n]); err != nil {
			return err
		}
		_, _ = c.Read(buffer) // the end
		open <- time.Since(began)
		return nil
	}})
	made, err := Paced{Port: b.Port(), Stay: stay}.Run(t.Context())
	if err != nil || len(made.Latencies) != 1 {
		t.Fatalf("%d connections, %v", len(made.Latencies), err)
	}
	if d := <-open; d < stay {
		t.Errorf("it was open for %v", d)
	}
}

func TestPacedFails(t *testing.T) {
	_, err := Paced{Port: testkit.FreePort(t)}.Run(t.Context())
	if err == nil || !strings.Contains(err.Error(), "connection 1:") {
		t.Errorf("where nobody listens: %v", err)
	}
	e := echo(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for name, p := range map[string]Paced{
		"while one stays": {Port: e.Port(), Stay: time.Hour},
		"between two":     {Port: e.Port(), Every: time.Hour, For: time.Hour},
	} {
		if _, err := p.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
