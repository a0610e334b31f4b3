package export

import (
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"
)

// natsProxy stands between a destination and its server. It cuts connections, and it may keep what a client has sent
// and let it arrive after the client is gone.
type natsProxy struct {
	listener net.Listener
	target   string
	plan     func(*natsPipe) // of each connection
	running  sync.WaitGroup

	mu    sync.Mutex
	pipes []*natsPipe
}

// natsPipe is one connection through the proxy. What is not set is not limited.
type natsPipe struct {
	client, server net.Conn
	// up and down are how many bytes pass before the connection is cut, 0 for all of them.
	up, down int
	// late is how long what the client has sent by then waits before it arrives all the same; 0 is lost.
	late time.Duration

	mu   sync.Mutex
	cond *sync.Cond
	kept []byte // from the client, not yet sent on
	held bool
	eof  bool // of the client
}

// startNATSProxy starts a proxy that ends with the test.
func startNATSProxy(t testing.TB, s *natsServer, plan func(*natsPipe)) *natsProxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &natsProxy{listener: l, target: "127.0.0.1:" + strconv.Itoa(s.port), plan: plan}
	p.running.Go(p.accept)
	t.Cleanup(func() {
		l.Close()
		p.mu.Lock()
		pipes := p.pipes
		p.mu.Unlock()
		for _, pipe := range pipes {
			pipe.hold(false)
			pipe.client.Close()
			pipe.server.Close()
		}
		p.running.Wait()
	})
	return p
}

func (p *natsProxy) url() string { return "nats://" + p.listener.Addr().String() }

func (p *natsProxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", p.target)
		if err != nil {
			client.Close()
			continue
		}
		pipe := &natsPipe{client: client, server: server}
		pipe.cond = sync.NewCond(&pipe.mu)
		if p.plan != nil {
			p.plan(pipe)
		}
		p.mu.Lock()
		p.pipes = append(p.pipes, pipe)
		p.mu.Unlock()
		p.running.Go(pipe.take)
		p.running.Go(pipe.give)
		p.running.Go(pipe.answer)
	}
}

// last is the connection that was made last.
func (p *natsProxy) last() *natsPipe {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.pipes[len(p.pipes)-1]
}

// hold keeps what the client sends from now on, or lets it go.
func (p *natsPipe) hold(on bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.held = on
	p.cond.Broadcast()
}

// keeps is how many bytes are held.
func (p *natsPipe) keeps() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.kept)
}

// take reads what the client sends.
func (p *natsPipe) take() {
	buf := make([]byte, 32<<10)
	for {
		n, err := p.client.Read(buf)
		p.mu.Lock()
		p.kept = append(p.kept, buf[:n]...)
		p.eof = err != nil
		p.cond.Broadcast()
		p.mu.Unlock()
		if err != nil {
			return
		}
	}
}

// give sends it on, in pieces that are no messages.
func (p *natsPipe) give() {
	defer p.server.Close()
	for sent := 0; ; {
		piece := p.next()
		if piece == nil {
			return
		}
		if p.up > 0 && sent+len(piece) >= p.up {
			p.cut(piece[:p.up-sent], piece[p.up-sent:])
			return
		}
		if _, err := p.server.Write(piece); err != nil {
			p.client.Close()
			return
		}
		sent += len(piece)
	}
}

func (p *natsPipe) next() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.held || len(p.kept) == 0 && !p.eof {
		p.cond.Wait()
	}
	if len(p.kept) == 0 {
		return nil
	}
	n := min(len(p.kept), 1+rand.IntN(4096))
	piece := p.kept[:n:n]
	p.kept = p.kept[n:]
	return piece
}

// cut ends the client's side. The rest of what it has sent is lost, or arrives late.
func (p *natsPipe) cut(now, later []byte) {
	_, _ = p.server.Write(now)
	p.client.Close()
	if p.late == 0 {
		return
	}
	<-time.After(p.late)
	p.mu.Lock()
	later = append(later, p.kept...)
	p.mu.Unlock()
	_, _ = p.server.Write(later)
}

// answer sends on what the server says.
func (p *natsPipe) answer() {
	var from io.Reader = p.server
	if p.down > 0 {
		from = io.LimitReader(p.server, int64(p.down))
	}
	_, _ = io.Copy(p.client, from)
	p.client.Close()
	_, _ = io.Copy(io.Discard, p.server) // so that it reads what arrives late
}
