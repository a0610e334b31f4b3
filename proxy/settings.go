// Package proxy stands in front of services: it accepts, asks who the peer is, obeys the rules, writes the open record,
// dials, hands both ends to a lane and writes the close record.
package proxy

import (
	"time"
)

// Limits bound what one service takes. Zero values are no limit.
type Limits struct {
	// MaxOpen is how many sessions may be open at once.
	MaxOpen int `mapstructure:"max_open"`
	// MaxOpenPerAddress is the same for one peer address.
	MaxOpenPerAddress int `mapstructure:"max_open_per_address"`
	// Rate is how many sessions may begin in a second, on average; Burst of them at once.
	Rate  float64 `mapstructure:"rate"`
	Burst int     `mapstructure:"burst"`
	// RatePerAddress and BurstPerAddress are the same for one peer address.
	RatePerAddress  float64 `mapstructure:"rate_per_address"`
	BurstPerAddress int     `mapstructure:"burst_per_address"`
}

// Timeouts of one service. Zero values are never, except Dial, where it is 5 seconds.
type Timeouts struct {
	// Dial is for one attempt to connect to the backend.
	Dial time.Duration `mapstructure:"dial"`
	// DialRetry is for how long refused attempts are repeated, for a backend that is still starting.
	DialRetry time.Duration `mapstructure:"dial_retry"`
	// Idle ends a session in which nothing moves.
	Idle time.Duration `mapstructure:"idle"`
	// FirstByte ends a session whose client sends nothing.
	FirstByte time.Duration `mapstructure:"first_byte"`
	// User is TCP_USER_TIMEOUT on both legs; it ends a session whose sent data is not acknowledged.
	User time.Duration `mapstructure:"user"`
}
