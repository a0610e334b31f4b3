//go:build unix

package channel

import (
	"os/exec"
	"syscall"
)

// groupOf gives a command a process group of its own, which is killed as a whole: what the program has started goes too.
func groupOf(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
