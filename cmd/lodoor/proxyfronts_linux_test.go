package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/proxy/flow"
)

// A service has a front for its local clients and one for a proxy: each takes what the other refuses.
func TestPlainAndProxyFront(t *testing.T) {
	backend, proxied := testkit.EchoServer(t), testkit.FreePort(t)
	d := configured(t, fmt.Sprintf(`
services:
- name: svc
  listen: [PORT, %[1]d]
  backend: %[2]d
  proxy_protocol: {listen: %[1]d, from: {users: ["%[3]d"]}}
rules:
- {name: office, action: allow, client_cidrs: [203.0.113.0/24]}
`, proxied, backend.Port(), os.Geteuid()))
	const header = "PROXY TCP4 203.0.113.9 192.0.2.1 4000 443\r\n"
	for _, tc := range []struct {
		port  int
		first string
		let   bool
		event flow.Event // where the decision is
		rule  string
	}{
		{d.port, "", true, flow.EventSessionOpen, "builtin.local"},
		{proxied, header, true, flow.EventSessionOpen, "office"},
		{d.port, header, false, flow.EventSessionClose, "builtin.proxy_header"},
		{proxied, "", false, flow.EventSessionRefused, "builtin.proxy_header"},
	} {
		before := len(d.records(tc.event))
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", tc.port))
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(20 * time.Second))
		got := make([]byte, len("hello, and no header"))
		_, _ = io.WriteString(c, tc.first+"hello, and no header")
		n, err := io.ReadFull(c, got)
		if let := err == nil; let != tc.let || let && string(got) != "hello, and no header" || !let && n > 0 {
			t.Errorf("%q to %d: %q, %v", tc.first, tc.port, got[:n], err)
		}
		_ = c.Close()
		all := d.await(tc.event, before+1)
		v := all[len(all)-1].Verdict
		if tc.event == flow.EventSessionClose {
			testkit.Wait(t, "the close that says so", func() bool {
				for _, r := range d.records(tc.event) {
					if o := r.Outcome; o.End == flow.EndDenied {
						v = o.Refused
						return true
					}
				}
				return false
			}, 20*time.Second)
		}
		if v == nil || v.Rule != tc.rule || strings.HasPrefix(tc.rule, "builtin.proxy") && v.Cause != flow.CauseHeader {
			t.Errorf("%q to %d: %+v", tc.first, tc.port, v)
		}
	}
	if got, _ := backend.Bytes(); got != 2*uint64(len("hello, and no header")) {
		t.Errorf("the backend got %d bytes", got)
	}
	d.settle()
}
