package main

import (
	"context"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"

	"github.com/tidwall/redcon"
)

// demoService is a small key-value store that speaks Redis' protocol, enough for redis-cli and redis-benchmark.
type demoService struct {
	ln     net.Listener
	server *redcon.Server

	mu   sync.Mutex
	keys map[string]string
}

func newDemoService() (*demoService, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &demoService{ln: ln, keys: make(map[string]string)}
	s.server = redcon.NewServer(ln.Addr().String(), s.obey, func(redcon.Conn) bool { return true }, nil)
	return s, nil
}

func (s *demoService) port() int {
	if a, ok := s.ln.Addr().(*net.TCPAddr); ok {
		return a.Port
	}
	return 0
}

// run serves until ctx ends.
func (s *demoService) run(ctx context.Context) error {
	ended := make(chan error, 1)
	go func() { ended <- s.server.Serve(s.ln) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
		_ = s.server.Close()
		_ = s.ln.Close()
		if err := <-ended; err != nil && !errors.Is(err, net.ErrClosed) {
			return err
		}
		return nil
	}
}

// obey answers one command.
func (s *demoService) obey(c redcon.Conn, cmd redcon.Command) {
	name := strings.ToLower(string(cmd.Args[0]))
	args := cmd.Args[1:]
	switch {
	case name == "ping":
		c.WriteString("PONG")
	case name == "quit":
		c.WriteString("OK")
		_ = c.Close()
	case name == "echo" && len(args) == 1:
		c.WriteBulk(args[0])
	case name == "set" && len(args) >= 2:
		s.set(string(args[0]), string(args[1]))
		c.WriteString("OK")
	case name == "get" && len(args) == 1:
		s.get(c, string(args[0]))
	case name == "incr" && len(args) == 1:
		s.incr(c, string(args[0]))
	case name == "del":
		c.WriteInt(s.del(args))
	case name == "command" || name == "config":
		c.WriteArray(0)
	case name == "info":
		c.WriteBulkString("# lodoor's demonstration\r\n")
	default:
		c.WriteError("ERR the demonstration knows PING, ECHO, SET, GET, INCR, DEL and QUIT, not '" + name + "' with " +
			strconv.Itoa(len(args)) + " arguments")
	}
}

func (s *demoService) set(key, value string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys[key] = value
}

func (s *demoService) get(c redcon.Conn, key string) {
	s.mu.Lock()
	value, ok := s.keys[key]
	s.mu.Unlock()
	if !ok {
		c.WriteNull()
		return
	}
	c.WriteBulkString(value)
}

func (s *demoService) incr(c redcon.Conn, key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, err := strconv.ParseInt("0"+s.keys[key], 10, 64)
	if err != nil {
		c.WriteError("ERR value is not an integer")
		return
	}
	s.keys[key] = strconv.FormatInt(n+1, 10)
	c.WriteInt64(n + 1)
}

func (s *demoService) del(keys [][]byte) (gone int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range keys {
		if _, ok := s.keys[string(k)]; ok {
			delete(s.keys, string(k))
			gone++
		}
	}
	return gone
}
