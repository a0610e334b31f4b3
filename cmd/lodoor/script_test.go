package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// patience is how long a script waits for what is to come.
const patience = 20 * time.Second

// scriptCondition answers [ipv6], whether this host has an IPv6 loopback, [privileged-ports], whether it keeps ports
// below 1024 from users, and [root], whether the user is; in CI he has to be.
func scriptCondition(name string) (bool, error) {
	switch name {
	case "ipv6":
		return hasIPv6Loopback(), nil
	case "privileged-ports":
		first, err := os.ReadFile("/proc/sys/net/ipv4/ip_unprivileged_port_start")
		return err == nil && strings.TrimSpace(string(first)) == "1024", nil
	case "root":
		if os.Geteuid() != 0 && os.Getenv("CI") == "true" {
			return false, errors.New("this test needs root")
		}
		return os.Geteuid() == 0, nil
	}
	return false, fmt.Errorf("unknown condition %q", name)
}

// await is the script command "await FILE [REGEXP]": it waits until the file is there and matches.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) == 0 || len(args) > 2 {
		ts.Fatalf("usage: await FILE [REGEXP]")
	}
	want := regexp.MustCompile("(?s)" + strings.Join(args[1:], ""))
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(patience); ; {
		text, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && want.Match(text) {
			return
		}
		select {
		case <-tick.C:
		case <-late:
			ts.Fatalf("after %s %s has %q", patience, args[0], text)
		}
	}
}

// first is the script command "first NAME FILE REGEXP": it sets the variable to the first group of what matches first.
func first(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: first NAME FILE REGEXP")
	}
	found := regexp.MustCompile("(?m)" + args[2]).FindStringSubmatch(ts.ReadFile(args[1]))
	if len(found) != 2 {
		ts.Fatalf("%s has no %s", args[1], args[2])
	}
	ts.Setenv(args[0], found[1])
}

// listenMain is the command "listen READY NETWORK ADDRESS": it makes the file READY when it listens, and sends back what
// it gets until it is killed.
func listenMain(args []string) int {
	ln, err := net.Listen(args[1], args[2])
	if err == nil {
		err = os.WriteFile(args[0], nil, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	for {
		c, err := ln.Accept()
		if err != nil {
			return 1
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(c, c)
		}()
	}
}

// talkMain is the command "talk NETWORK ADDRESS TEXT": it sends the text and prints what comes back until the end.
func talkMain(args []string) int {
	c, err := net.Dial(args[0], args[1])
	if err == nil {
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		err = talk(c, args[2])
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func talk(c net.Conn, text string) error {
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	if half, ok := c.(interface{ CloseWrite() error }); ok {
		if err := half.CloseWrite(); err != nil {
			return err
		}
	}
	_, err := io.Copy(os.Stdout, c)
	return err
}

// stayMain is the command "stay READY END NETWORK ADDRESS": it sends a byte, makes the file READY when that has come
// back, and writes into the file END how the other side ended the connection: in order, or by a reset.
func stayMain(args []string) int {
	c, err := net.Dial(args[2], args[3])
	if err == nil {
		defer c.Close()
		_ = c.SetDeadline(time.Now().Add(patience))
		_, err = c.Write([]byte("x"))
	}
	if err == nil {
		_, err = io.CopyN(io.Discard, c, 1)
	}
	if err == nil {
		err = os.WriteFile(args[0], nil, 0o600)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	end := "in order"
	if _, err := io.Copy(io.Discard, c); errors.Is(err, syscall.ECONNRESET) {
		end = "reset"
	} else if err != nil {
		end = err.Error()
	}
	if err := os.WriteFile(args[1], []byte(end), 0o600); err != nil {
		return 1
	}
	return 0
}
