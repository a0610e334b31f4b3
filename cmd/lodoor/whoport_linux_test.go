package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
)

// carried is a service on the host's loopback, to which a program that listens on the wire carries a client of the other
// host.
type carried struct {
	*testkit.Network
	t       *testing.T
	home    *testkit.Home
	service int
}

// carries starts the program, socat by whatever name, and connects the client through it.
func carries(t *testing.T, program string) *carried {
	t.Helper()
	c := &carried{Network: testkit.NewNetwork(t), t: t, home: testkit.NewHome(t)}
	c.Host.Do(func() { c.service = testkit.EchoServer(t).Port() })
	testkit.Start(t, c.Host.Command(program, fmt.Sprintf("TCP-LISTEN:7001,bind=%s,reuseaddr,fork", c.Host4), fmt.Sprintf("TCP:127.0.0.1:%d", c.service)))
	testkit.Wait(t, "the client to be carried", func() bool {
		var conn net.Conn
		c.Remote.Do(func() { conn, _ = net.DialTimeout("tcp", netip.AddrPortFrom(c.Host4, 7001).String(), time.Second) })
		if conn == nil {
			return false
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		_, err := conn.Write([]byte("x"))
		if err == nil {
			_, err = conn.Read(make([]byte, 1))
		}
		return err == nil
	}, 20*time.Second)
	return c
}

// who runs lodoor who on the host, about the service's port.
func (c *carried) who(args ...string) (stdout, stderr string, code int) {
	c.t.Helper()
	c.Host.Do(func() {
		stdout, stderr, code = c.home.Run(append([]string{"who", strconv.Itoa(c.service)}, args...)...)
	})
	return stdout, stderr, code
}

// config writes a configuration with a forwarder of its own, and more.
func (c *carried) config(path, more string) {
	c.t.Helper()
	text := "forwarders:\n- {name: shop-tunnel, programs: [shoptunnel], far: accepted}\n" + more
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		c.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		c.t.Fatal(err)
	}
}

// The forwarders at a port are told by name, with whom they speak for, as the door would tell them.
func TestWhoForwardsToAPort(t *testing.T) {
	c := carries(t, testkit.Program(t, "socat"))
	line := regexp.MustCompile(`(?m)^127\.0\.0\.1:\d+ .* ESTAB +socat.* \(pid \d+, root\), forwarder socat for 10\.99\.0\.2 \(container\)$`)
	if stdout, stderr, code := c.who(); code != exitOK || stderr != "" || !line.MatchString(stdout) {
		t.Errorf("%d %s\n%s", code, stderr, stdout)
	}
	stdout, stderr, code := c.who("--json")
	const want = `"forwarder":"socat","forwarder_zone":"container","forwarder_address":"10.99.0.2"}`
	if code != exitOK || stderr != "" || !strings.Contains(stdout, want) {
		t.Errorf("%d %s\n%s", code, stderr, stdout)
	}
}

// Forwarders of the configuration are known: of the usual one and of the one that is named.
func TestWhoKnowsTheConfiguration(t *testing.T) {
	program := filepath.Join(t.TempDir(), "shoptunnel")
	testkit.Run(t, "cp", testkit.Program(t, "socat"), program)
	c := carries(t, program)
	if stdout, _, code := c.who(); code != exitOK || !strings.Contains(stdout, "shoptunnel") || strings.Contains(stdout, "forwarder") {
		t.Fatalf("without a configuration: %d\n%s", code, stdout)
	}
	named := filepath.Join(c.home.Dir(), "named.yaml")
	usual := filepath.Join(c.home.Dir(), "config", "lodoor", "lodoor.yaml")
	c.config(named, "privacy: {command_line: off}\n")
	c.config(usual, "")
	const forwards = ", forwarder shop-tunnel for 10.99.0.2 (container)\n"
	for _, args := range [][]string{nil, {"--config", named}} {
		if stdout, stderr, code := c.who(args...); code != exitOK || stderr != "" || !strings.Contains(stdout, forwards) {
			t.Errorf("%q: %d %s\n%s", args, code, stderr, stdout)
		}
	}
	if stdout, _, _ := c.who("--json"); !strings.Contains(stdout, `"command_line":`) {
		t.Errorf("no command line in\n%s", stdout)
	}
	if stdout, _, _ := c.who("--json", "--config", named); !strings.Contains(stdout, "shop-tunnel") || strings.Contains(stdout, "command_line") {
		t.Errorf("the configuration wants no command line in\n%s", stdout)
	}
	c.config(usual, "lane: {kind: x}\n")
	stdout, stderr, code := c.who()
	if code != exitOK || !strings.Contains(stdout, "shoptunnel") || !strings.HasPrefix(stderr, "lodoor: warning: the configuration is not used") ||
		!strings.Contains(stderr, "lane.kind") {
		t.Errorf("a wrong configuration: %d %s\n%s", code, stderr, stdout)
	}
	if _, stderr, code := c.who("--config", usual); code != exitConfig || !strings.Contains(stderr, "lane.kind") {
		t.Errorf("a wrong configuration that was named: %d %s", code, stderr)
	}
}
