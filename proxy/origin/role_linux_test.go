package origin

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// roleVariable makes the test's own program a client of the test. Its arguments are in argumentsVariable.
const (
	roleVariable      = "LODOOR_TEST_ROLE"
	argumentsVariable = "LODOOR_TEST_ARGUMENTS"
)

// play is what a child does. A child that stays does so until its standard input ends.
func play(role string) int {
	arguments := strings.Fields(os.Getenv(argumentsVariable))
	roles := map[string]func([]string) error{
		"leave": leave, "stay": stay, "stayLater": stayLater, "inherit": inherit, "become": become, "receive": receive,
		"wander": wander, "descend": descendants,
	}
	if err := roles[role](arguments); err != nil {
		fmt.Fprintln(os.Stderr, role, arguments, err)
		return 1
	}
	return 0
}

// call connects and says who it is.
func call(network, address string) (net.Conn, error) {
	c, err := net.Dial(network, address)
	if err != nil {
		return nil, err
	}
	_, err = c.Write(binary.NativeEndian.AppendUint32(nil, uint32(os.Getpid())))
	return c, err
}

// leave connects and is gone: by FIN, by RST, or when the other end closes.
func leave(a []string) error {
	c, err := call("tcp4", a[0])
	if err != nil {
		return err
	}
	switch a[1] {
	case "reset":
		_ = c.(*net.TCPConn).SetLinger(0)
	case "last":
		_, _ = io.Copy(io.Discard, c)
	}
	return c.Close()
}

func stay(a []string) error {
	c, err := call(a[0], a[1])
	if err != nil {
		return err
	}
	defer c.Close()
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// wander connects, and each time that it reads the name of a folder it goes there and connects again.
func wander(a []string) error {
	for folders := bufio.NewScanner(os.Stdin); ; {
		c, err := call("tcp4", a[0])
		if err != nil {
			return err
		}
		defer c.Close() // a few
		if !folders.Scan() {
			return folders.Err()
		}
		if err := os.Chdir(folders.Text()); err != nil {
			return err
		}
	}
}

// descendants starts a child that starts a child, so many times; the last one connects.
func descendants(a []string) error {
	n, err := strconv.Atoi(a[0])
	if err != nil || n == 0 {
		return errors.Join(err, stay(a[1:]))
	}
	a[0] = strconv.Itoa(n - 1)
	child := exec.Command("/proc/self/exe")
	child.Env = append(os.Environ(), argumentsVariable+"="+strings.Join(a, " "))
	child.Stdin, child.Stderr = os.Stdin, os.Stderr
	return child.Run()
}

// stayLater waits for a line first.
func stayLater(a []string) error {
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		return nil //nolint:nilerr // it was not needed
	}
	return stay(a)
}

// heirs gives a socket to whatever this process runs next.
func heirs(c net.Conn) (*os.File, error) {
	f, err := c.(*net.TCPConn).File()
	if err != nil {
		return nil, err
	}
	_, err = unix.FcntlInt(f.Fd(), unix.F_SETFD, 0)
	return f, err
}

// inherit connects and starts a child that has the socket, too.
func inherit(a []string) error {
	c, err := call("tcp4", a[0])
	if err != nil {
		return err
	}
	f, err := heirs(c)
	if err != nil {
		return err
	}
	child := exec.Command("cat")
	child.ExtraFiles = []*os.File{f}
	child.Stdin = os.Stdin
	if err := child.Start(); err != nil {
		return err
	}
	defer c.Close()
	fmt.Println(child.Process.Pid) //nolint:forbidigo // it is what the test reads
	return child.Wait()
}

// become connects, waits for a line and turns into cat, which has the socket.
func become(a []string) error {
	c, err := call("tcp4", a[0])
	if err != nil {
		return err
	}
	if _, err := heirs(c); err != nil {
		return err
	}
	if _, err := os.Stdin.Read(make([]byte, 1)); err != nil {
		return err
	}
	cat, err := exec.LookPath("cat")
	if err != nil {
		return err
	}
	return syscall.Exec(cat, []string{"cat"}, nil)
}

// receive is handed a descriptor over a Unix socket, and keeps it.
func receive(a []string) error {
	c, err := net.Dial("unix", a[0])
	if err != nil {
		return err
	}
	defer c.Close()
	b, rights := make([]byte, 1), make([]byte, 64)
	_, n, _, _, err := c.(*net.UnixConn).ReadMsgUnix(b, rights)
	if err != nil || n == 0 {
		return errors.Join(errors.New("no descriptor came"), err)
	}
	if _, err := c.Write(b); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// child is a running child of a test.
type child struct {
	cmd   *exec.Cmd
	stdin io.WriteCloser
	out   io.Reader
}

// start starts a child in a role, as a user. It ends with the test.
func start(t testing.TB, uid uint32, role string, arguments ...string) *child {
	t.Helper()
	cmd := exec.Command("/proc/self/exe") // others may not see the folder that it is in
	cmd.Args = []string{role}
	cmd.Env = append(os.Environ(), roleVariable+"="+role, argumentsVariable+"="+strings.Join(arguments, " "))
	cmd.Stderr = os.Stderr
	if uid != uint32(os.Geteuid()) {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid}}
	}
	c := &child{cmd: cmd}
	var errIn, errOut error
	c.stdin, errIn = cmd.StdinPipe()
	c.out, errOut = cmd.StdoutPipe()
	if err := errors.Join(errIn, errOut, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.end)
	return c
}

func (c *child) pid() int { return c.cmd.Process.Pid }

// end lets the child go and waits for it.
func (c *child) end() {
	_ = c.stdin.Close()
	_ = c.cmd.Wait()
}
