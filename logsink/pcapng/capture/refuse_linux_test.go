package capture_test

import (
	"context"
	"errors"
	"net/netip"
	"runtime"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/pcapng/capture"
)

// without calls f on a thread of its own that lacks capabilities, a bit for each.
func without(t *testing.T, lacks uint64, f func()) {
	t.Helper()
	testkit.NeedRoot(t)
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		header := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var data [2]unix.CapUserData
		err := unix.Capget(&header, &data[0])
		for i := range data {
			data[i].Effective &^= uint32(lacks >> (32 * i))
		}
		if err == nil {
			err = unix.Capset(&header, &data[0])
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestWithoutPrivilege(t *testing.T) {
	without(t, 1<<unix.CAP_NET_RAW, func() {
		_, err := capture.New(capture.Config{})
		if !errors.Is(err, unix.EPERM) {
			t.Errorf("got %v", err)
			return
		}
		for _, want := range []string{"on lo", "CAP_NET_RAW is missing", "setcap cap_net_raw+ep", "AmbientCapabilities=CAP_NET_RAW",
			"source: relay"} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q is not in: %v", want, err)
			}
		}
	})
}

// CAP_NET_RAW is all that it takes.
func TestNoOtherPrivilege(t *testing.T) {
	without(t, ^uint64(1<<unix.CAP_NET_RAW), func() {
		c, err := capture.New(capture.Config{})
		if err != nil {
			t.Error(err)
			return
		}
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestRefuses(t *testing.T) {
	testkit.NeedRoot(t)
	for name, tc := range map[string]struct {
		config capture.Config
		want   string
	}{
		"interface":   {capture.Config{Interface: "none7"}, "none7: "},
		"memory":      {capture.Config{Memory: -1}, "expected at most 1 GiB"},
		"much memory": {capture.Config{Memory: 1<<30 + 1}, "expected at most 1 GiB"},
		"no port":     {capture.Config{Ends: []netip.AddrPort{netip.MustParseAddrPort("127.0.0.1:0")}}, "an address and a port"},
		"no address":  {capture.Config{Ends: []netip.AddrPort{{}}}, "an address and a port"},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := capture.New(tc.config); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want an error with %q", err, tc.want)
			}
		})
	}
}

// An interface that goes away ends the capture, and says so.
func TestInterfaceGone(t *testing.T) {
	n := testkit.NewNetwork(t)
	var c *capture.Capture
	n.Host.Do(func() {
		var err error
		if c, err = capture.New(capture.Config{Interface: n.Link}); err != nil {
			t.Fatal(err)
		}
	})
	defer func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}()
	ended := make(chan error, 1)
	go func() { ended <- c.Run(context.Background(), func(capture.Packet) {}) }()
	n.Host.IP("link", "del", n.Link)
	select {
	case err := <-ended:
		if !errors.Is(err, unix.ENETDOWN) || !strings.Contains(err.Error(), n.Link) {
			t.Errorf("ended with %v", err)
		}
	case <-time.After(patience):
		t.Error("it did not end")
	}
}

// On another interface than lo each way is seen once, too.
func TestOtherInterface(t *testing.T) {
	n := testkit.NewNetwork(t)
	end := netip.AddrPortFrom(n.Host4, 5432)
	r := &rig{T: t, ns: n.Host}
	r.open(capture.Config{Interface: n.Link, Ends: []netip.AddrPort{end}})
	r.echo(end.String())
	r.run()
	r.ns = n.Remote
	text := noise(1 << 20)
	client := r.talk(end, text)
	packets := r.stop()
	if string(stream(t, packets, client, end)) != string(text) || string(stream(t, packets, end, client)) != string(text) {
		t.Error("the packets carry something else than what was sent")
	}
}
