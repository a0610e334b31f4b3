package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// P11: a broken configuration changes nothing and is alerted; a good one is swapped in as a whole; an established
// session lives through both.
func TestReloadARunningDoor(t *testing.T) {
	backend := testkit.EchoServer(t)
	home := testkit.NewHome(t)
	file := filepath.Join(home.Dir(), "lodoor.yaml")
	dir := filepath.Join(t.TempDir(), "journal")
	first, second := testkit.FreePort(t), testkit.FreePort(t)
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	service := func(name string, port int) string {
		return fmt.Sprintf("  - {name: %s, listen: %d, backend: %d}\n", name, port, backend.Port())
	}
	base := "journal: {dir: " + dir + "}\nservices:\n"
	write(base + service("one", first))
	d := &testDoor{t: t, dir: dir, Door: home.Start("--config", file)}
	established, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", first))
	if err != nil {
		t.Fatal(err)
	}
	defer established.Close()
	alive := func(c net.Conn) {
		t.Helper()
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		if _, err := c.Write([]byte("ping")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, make([]byte, 4)); err != nil {
			t.Fatal(err)
		}
	}
	alive(established)

	write(base + service("one", first) + "  - {name: two, listen: 99999, backend: 1}\n")
	stdout, stderr, code := home.Run("reload", "--dir", dir)
	if code != exitConfig || !strings.Contains(stderr, "99999") || !strings.Contains(stderr, file+":4:") {
		t.Errorf("reload of a broken file ended with %d: %s%s", code, stdout, stderr)
	}
	alive(established)
	testkit.Wait(t, "the alert", func() bool {
		alerts := d.records(flow.EventAlert)
		return len(alerts) == 1 && alerts[0].Alert.Condition == "config"
	}, 20*time.Second)

	write(base + service("two", second))
	if stdout, stderr, code := home.Run("reload", "--dir", dir); code != exitOK || !strings.Contains(stdout, "has loaded its configuration") {
		t.Errorf("reload of a good file ended with %d: %s%s", code, stdout, stderr)
	}
	alive(established)
	c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", second))
	if err != nil {
		t.Fatalf("the new front: %v", err)
	}
	defer c.Close()
	alive(c)
	testkit.Wait(t, "the old front to close", func() bool {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", first))
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	}, 20*time.Second)
	_, _ = established.Close(), c.Close()
	d.settle()
}

// A front that is changed from one address to all of them on the same port cannot be swapped: lodoor says so.
func TestReloadThatNeedsARestart(t *testing.T) {
	backend := testkit.EchoServer(t)
	home := testkit.NewHome(t)
	file, port := filepath.Join(home.Dir(), "lodoor.toml"), testkit.FreePort(t)
	write := func(listen string) {
		t.Helper()
		text := fmt.Sprintf("watch = true\n[[services]]\nname = \"one\"\nlisten = \"%s%d\"\nbackend = \"%d\"\n", listen, port, backend.Port())
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("127.0.0.1:")
	d := home.Start("--config", file, "--journal", "off")
	write("0.0.0.0:") // the watch sees it
	testkit.Wait(t, "lodoor to say so", func() bool { return strings.Contains(d.Stderr(), "needs a restart") }, 20*time.Second)
	echoClient(t, fmt.Sprintf("127.0.0.1:%d", port), 10)
	d.Signal(unix.SIGTERM)
	if code := d.Wait(20 * time.Second); code != exitOK {
		t.Errorf("ended with %d: %s", code, d.Stderr())
	}
}
