package testkit

import (
	"os/exec"
	"strconv"
	"testing"
)

// RedisServer is a running Redis on 127.0.0.1.
type RedisServer struct {
	*Child
	Port int
}

// Redis starts a Redis that keeps nothing on disk. It ends with the test.
func Redis(t testing.TB) *RedisServer {
	t.Helper()
	Need(t, "redis-server")
	dir := t.TempDir()
	c, port := serve(t, "Ready to accept connections", func(port int) *exec.Cmd {
		return exec.Command(Program(t, "redis-server"), "--port", strconv.Itoa(port), "--bind", "127.0.0.1",
			"--save", "", "--appendonly", "no", "--dir", dir)
	})
	return &RedisServer{Child: c, Port: port}
}
