package proxy

import "time"

// Keepalive of legs that do not end on lo: a host that is gone is noticed after about 75 seconds of silence.
const (
	keepaliveIdle     = 30 * time.Second
	keepaliveInterval = 15 * time.Second
	keepaliveCount    = 3
)

// listenOptions is what a listening socket needs besides its address.
type listenOptions struct {
	// looped says that event loops wait for connections, so that accept will not be called.
	looped      bool
	userTimeout time.Duration
	prepare     func(fd uintptr, network string) error
}
