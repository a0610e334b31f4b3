package testkit

import (
	"os"
	"os/exec"
	"os/user"
	"strconv"
	"syscall"
	"testing"
)

// ownGroup makes cmd lead a process group of its own and die with this process.
func ownGroup(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}

func killGroup(p *os.Process) { _ = syscall.Kill(-p.Pid, syscall.SIGKILL) }

// identity is a user that children may run as; the zero identity is the test's own.
type identity struct{ uid, gid int }

// lookUp returns the named user when the test runs as root, and its own identity otherwise: only root may change it.
func lookUp(t testing.TB, name string) identity {
	t.Helper()
	if os.Geteuid() != 0 {
		return identity{}
	}
	u, err := user.Lookup(name)
	if err != nil {
		Missing(t, "user %s: %v", name, err)
	}
	uid, _ := strconv.Atoi(u.Uid) // numbers on Linux, user(5)
	gid, _ := strconv.Atoi(u.Gid)
	return identity{uid, gid}
}

// runs makes cmd run as id.
func (id identity) runs(cmd *exec.Cmd) *exec.Cmd {
	if id != (identity{}) {
		cmd.SysProcAttr = &syscall.SysProcAttr{
			Credential: &syscall.Credential{Uid: uint32(id.uid), Gid: uint32(id.gid)},
		}
	}
	return cmd
}

// owns gives path to id.
func (id identity) owns(t testing.TB, path string) {
	t.Helper()
	if id == (identity{}) {
		return
	}
	if err := os.Chown(path, id.uid, id.gid); err != nil {
		t.Fatal(err)
	}
}
