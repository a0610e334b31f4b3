package probe

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/lodoor/lodoor/proxy/origin/procfs"
)

// system is a /proc with these settings.
func system(t *testing.T, settings map[string]string) procfs.FS {
	t.Helper()
	root := t.TempDir()
	dir := filepath.Join(root, "sys", "net", "ipv4")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range settings {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return procfs.New(root)
}

func TestPorts(t *testing.T) {
	linux := system(t, map[string]string{
		"ip_local_port_range": "32768\t60999\n", "ip_local_reserved_ports": "40000,50000-50010\n", "ip_unprivileged_port_start": "80\n",
	})
	for _, tc := range []struct {
		port                             uint16
		class, usual                     string
		forClients, reserved, privileged bool
	}{
		{79, WellKnown, "", false, false, true},
		{80, WellKnown, "HTTP", false, false, false},
		{1023, WellKnown, "", false, false, false},
		{1024, Registered, "", false, false, false},
		{5432, Registered, "PostgreSQL", false, false, false},
		{32767, Registered, "", false, false, false},
		{32768, Registered, "", true, false, false},
		{40000, Registered, "", false, true, false},
		{49151, Registered, "", true, false, false},
		{49152, Dynamic, "", true, false, false},
		{50010, Dynamic, "", false, true, false},
		{50011, Dynamic, "", true, false, false},
		{60999, Dynamic, "", true, false, false},
		{61000, Dynamic, "", false, false, false},
	} {
		p := portOf(tc.port, linux)
		if p.Class != tc.class || p.Usual != tc.usual || p.ForClients() != tc.forClients || p.Reserved != tc.reserved || p.Privileged() != tc.privileged {
			t.Errorf("%+v, for clients %v, privileged %v", p, p.ForClients(), p.Privileged())
		}
	}
}

// A system that says nothing is taken for a usual one.
func TestPortsOfAnotherSystem(t *testing.T) {
	p := portOf(50000, system(t, nil))
	if p.ForClients() || p.Reserved || p.Privileged() || !portOf(1023, system(t, nil)).Privileged() {
		t.Errorf("%+v", p)
	}
}

func TestGreetings(t *testing.T) {
	mysql := "\x4a\x00\x00\x00\x0a8.0.36\x00\x08\x00\x00\x00caching_sha2_password\x00"
	for _, tc := range []struct {
		sent, shown string
		complaint   bool
	}{
		{"", "", false},
		{"SSH-2.0-OpenSSH_9.2\r\n", "SSH-2.0-OpenSSH_9.2", false},
		{mysql, "8.0.36 caching_sha2_password", false},
		{"E\x00\x00\x00\x1fSFATAL\x00C53300\x00Mtoo many\x00\x00", "SFATAL C53300 Mtoo many", true},
		{"\x45\x00\x00\x00\xff\x69\x04Host '::1' is blocked", "Host '::1' is blocked", true},
		{"-DENIED protected mode\r\n", "-DENIED protected mode", true},
		{"-ERR max number of clients reached\r\n", "-ERR max number of clients reached", true},
		{"\x1b[2J\x1b]0;title\x07 ok", "[2J ]0;title  ok", false},
	} {
		if got := readable([]byte(tc.sent)); got != tc.shown || isComplaint([]byte(tc.sent)) != tc.complaint {
			t.Errorf("%q is shown as %q, complaint %v", tc.sent, got, isComplaint([]byte(tc.sent)))
		}
	}
}
