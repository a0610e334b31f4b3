package main

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"

	"golang.org/x/sys/unix"
)

// humbleMain is the command "humble COMMAND ARG…": it runs the command without the capability to take ports below 1024,
// whoever the user is.
func humbleMain(args []string) int {
	runtime.LockOSThread() // the set belongs to a thread, and exec takes that of its own
	// EPERM: a user who may not drop it has none.
	_ = unix.Prctl(unix.PR_CAPBSET_DROP, unix.CAP_NET_BIND_SERVICE, 0, 0, 0)
	path, err := exec.LookPath(args[0])
	if err == nil {
		err = unix.Exec(path, args, os.Environ())
	}
	fmt.Fprintln(os.Stderr, err)
	return 1
}
