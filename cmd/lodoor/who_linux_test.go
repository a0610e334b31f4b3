package main

import (
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
)

// who --watch shows again and again who is connected, whoever comes and goes, until Ctrl-C ends it in order.
func TestWhoIsWatched(t *testing.T) {
	d := configured(t, fmt.Sprintf("services: [{name: svc, listen: PORT, backend: %d}]\n", testkit.EchoServer(t).Port()))
	list := testkit.Start(t, d.Command("who", "--watch"))
	objects := testkit.Start(t, d.Command("who", "--watch", "--json"))
	port := testkit.Start(t, d.Command("who", "--watch", d.portText()))
	// since waits until a watch has shown so many times since then what has the words.
	since := func(watch *testkit.Child, from, times int, words string) {
		t.Helper()
		testkit.Wait(t, words, func() bool {
			return !watch.Exited() && strings.Count(watch.Stdout()[from:], words) >= times
		}, 30*time.Second)
	}
	since(list, 0, 2, "nobody is connected\n")
	c, err := net.Dial("tcp", d.addr())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	client := fmt.Sprintf("(pid %d, ", os.Getpid())
	since(list, 0, 2, client)
	since(objects, 0, 2, `"event":"session.open"`)
	since(port, 0, 2, c.LocalAddr().String())
	_ = c.Close()
	since(list, strings.LastIndex(list.Stdout(), client), 1, "nobody is connected\n")
	for _, watch := range []*testkit.Child{list, objects, port} {
		watch.Signal(os.Interrupt)
		if code := watch.Wait(20 * time.Second); code != exitOK || watch.Stderr() != "" {
			t.Errorf("ended with %d: %s", code, watch.Stderr())
		}
		if out := watch.Stdout(); strings.Contains(out, "\x1b") {
			t.Errorf("what is no terminal is told how to clear a screen: %q", out)
		}
	}
	d.settle()
}
