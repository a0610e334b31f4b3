package proxy

import (
	"runtime"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Every connection is served, also when the loops fall asleep between any two steps of its set-up.
func TestOneAfterTheOther(t *testing.T) { onEachLane(t, testOneAfterTheOther) }

func testOneAfterTheOther(t *testing.T, open opener) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	b := newBackend(t, "127.0.0.1:0")
	port := freePort(t)
	open(t, Config{Services: []Service{
		{Name: "echo", Fronts: []flow.Endpoint{at("127.0.0.1", port)}, Backend: b.endpoint()},
	}})
	for range 10000 {
		c := dial(t, at("127.0.0.1", port))
		echo(t, c, "hello")
		_ = c.Close()
	}
}
