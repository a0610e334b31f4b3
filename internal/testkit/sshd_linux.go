package testkit

import (
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// SSHD starts an ssh server at an address of a namespace, which lets in who has its key. It returns what a client that
// logs in as user is started with, behind the options of its own: port and destination are the last two.
func SSHD(t testing.TB, in *Netns, at netip.Addr, user string) (client []string) {
	t.Helper()
	Need(t, "sshd", "ssh", "ssh-keygen")
	if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // where sshd goes without privileges, as Debian has it
		t.Fatal(err)
	}
	dir := tempDir(t, identity{}) // keys are read as the user who logs in, who may not enter t.TempDir
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	file := func(name string) string { return filepath.Join(dir, name) }
	key, hostKey, config := file("key"), file("host_key"), file("config")
	for _, name := range []string{key, hostKey} {
		Run(t, "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", name)
	}
	port := strconv.Itoa(FreePort(t))
	settings := []string{
		"ListenAddress " + at.String(), "Port " + port, "HostKey " + hostKey, "AuthorizedKeysFile " + key + ".pub",
		"PidFile none", "StrictModes no", "UsePAM no", "PermitRootLogin prohibit-password", "AllowTcpForwarding yes",
	}
	if err := os.WriteFile(config, []byte(strings.Join(settings, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	server := Start(t, in.Command("sshd", "-D", "-e", "-f", config))
	Wait(t, "sshd to listen", func() bool {
		return strings.Contains(server.Stderr(), "Server listening on ") || server.Exited()
	}, readyWithin)
	if server.Exited() {
		t.Fatalf("sshd ended at once:\n%s", server.Stderr())
	}
	return []string{
		"-F", "none", "-i", key, "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "-o", "ExitOnForwardFailure=yes", "-o", "IdentityAgent=none",
		"-p", port, user + "@" + at.String(),
	}
}
