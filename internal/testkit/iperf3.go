package testkit

import (
	"os/exec"
	"strconv"
	"testing"
)

// Iperf3Server is a running iperf3 server on 127.0.0.1. It serves one test after the other.
type Iperf3Server struct {
	*Child
	Port int
}

// Iperf3 starts an iperf3 server. It ends with the test.
func Iperf3(t testing.TB) *Iperf3Server {
	t.Helper()
	Need(t, "iperf3")
	c, port := serve(t, "Server listening on", func(port int) *exec.Cmd {
		return exec.Command(Program(t, "iperf3"), "--server", "--bind", "127.0.0.1", "--port", strconv.Itoa(port),
			"--forceflush")
	})
	return &Iperf3Server{Child: c, Port: port}
}
