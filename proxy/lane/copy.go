package lane

import (
	"fmt"
	"sync"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// CopyConfig configures the copy lane. Its zero value is ready.
//
// When one side resets, what was read from it before is still delivered to the other side before that one is reset
// too. Flush bounds this in all, Stall while the other side takes nothing.
type CopyConfig struct {
	Flush time.Duration // zero is 10 seconds
	Stall time.Duration // zero is 1 second
}

// Copy is the portable lane: two goroutines a session, read and write.
type Copy struct {
	config  CopyConfig
	buffers pool
	running sync.WaitGroup // sessions
}

// NewCopy checks c and returns a lane.
func NewCopy(c CopyConfig) (*Copy, error) {
	if c.Flush < 0 || c.Stall < 0 {
		return nil, fmt.Errorf("copy lane: flush %v and stall %v must not be negative", c.Flush, c.Stall)
	}
	if c.Flush == 0 {
		c.Flush = 10 * time.Second
	}
	if c.Stall == 0 {
		c.Stall = time.Second
	}
	return &Copy{config: c}, nil
}

// Name is "copy".
func (c *Copy) Name() string { return "copy" }

// Start begins to move bytes between the two ends of p.
func (c *Copy) Start(p Pair, done func(flow.Outcome)) Control {
	c.running.Add(1)
	s := newSession(c, p, done)
	s.start()
	return s
}

// Close waits until every session has called done. It ends none of them.
func (c *Copy) Close() error {
	c.running.Wait()
	return nil
}

// bufferSize is what one read takes at most.
const bufferSize = 64 << 10

type buffer [bufferSize]byte

// pool lends buffers. Its zero value is ready.
type pool struct{ free sync.Pool }

func (p *pool) get() *buffer {
	if b, ok := p.free.Get().(*buffer); ok {
		return b
	}
	return new(buffer)
}

func (p *pool) put(b *buffer) { p.free.Put(b) }
