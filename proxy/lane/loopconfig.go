package lane

import (
	"errors"
	"fmt"
	"runtime"
	"time"
)

// LoopConfig configures the loop lane. Its zero value is ready.
type LoopConfig struct {
	// Loops is how many threads carry the sessions; zero is as many as GOMAXPROCS says when the lane is made, at most 4.
	Loops int
	// Flush and Stall bound the delivery of what came before a reset, as in CopyConfig, with the same defaults.
	Flush, Stall time.Duration
	// Spin is how long a loop that has nothing to do goes on asking before it sleeps: latency for processor time. Zero is
	// not at all.
	Spin time.Duration
	// Turn is called by every loop at the end of each turn, before it may sleep. It must be cheap when there is nothing to
	// do. Nil is nothing.
	Turn func()
}

// maxLoops is where the default stops: a loop moves some gigabytes a second, the service needs processors too.
const maxLoops = 4

func (c LoopConfig) checked() (LoopConfig, error) {
	if c.Loops < 0 || c.Flush < 0 || c.Stall < 0 || c.Spin < 0 {
		return c, fmt.Errorf("loop lane: loops %d, flush %v, stall %v and spin %v must not be negative",
			c.Loops, c.Flush, c.Stall, c.Spin)
	}
	if c.Loops == 0 {
		c.Loops = min(runtime.GOMAXPROCS(0), maxLoops)
	}
	if c.Flush == 0 {
		c.Flush = 10 * time.Second
	}
	if c.Stall == 0 {
		c.Stall = time.Second
	}
	if c.Turn == nil {
		c.Turn = func() {}
	}
	return c, nil
}

// Errors of a connect that the loop lane gave up.
var (
	ErrClientGone = errors.New("the client has gone")
	ErrKilled     = errors.New("killed")
)
