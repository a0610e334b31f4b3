//go:build linux

package load

import (
	"context"
	"fmt"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// The key that redis-benchmark asks for, and a value of 64 bytes.
const (
	redisKey   = "key:__rand_int__"
	redisValue = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

// SetKey stores the key that the GETs ask for.
func SetKey(port int) error {
	request := fmt.Sprintf("*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$%d\r\n%s\r\n", len(redisKey), redisKey, len(redisValue), redisValue)
	fd, err := connectPatient(1, port)
	if err != nil {
		return err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was lost that a close could report
	answer := make([]byte, len("+OK\r\n"))
	if err := exchange(fd, []byte(request), answer); err != nil {
		return fmt.Errorf("set the key: %w", err)
	}
	if string(answer) != "+OK\r\n" {
		return fmt.Errorf("set the key: Redis answers %q", answer)
	}
	return nil
}

// Gets asks for the key over one connection, one request after the other, for a while, and returns how many seconds
// each took, in their order.
func Gets(ctx context.Context, port int, d time.Duration) ([]float64, error) {
	// On a thread of its own, so that no other goroutine is between the kernel and the clock.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	fd, err := connectPatient(1, port)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd) //nolint:errcheck // nothing was lost that a close could report
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return nil, err
	}
	request := fmt.Appendf(nil, "*2\r\n$3\r\nGET\r\n$%d\r\n%s\r\n", len(redisKey), redisKey)
	want := fmt.Sprintf("$%d\r\n%s\r\n", len(redisValue), redisValue)
	answer := make([]byte, len(want))
	var latencies []float64
	for end := time.Now().Add(d); ; {
		began := time.Now()
		if began.After(end) || ctx.Err() != nil {
			return latencies, ctx.Err()
		}
		if err := exchange(fd, request, answer); err != nil {
			return nil, fmt.Errorf("GET %d: %w", len(latencies)+1, err)
		}
		latencies = append(latencies, time.Since(began).Seconds())
		if string(answer) != want {
			return nil, fmt.Errorf("GET %d: Redis answers %q", len(latencies), answer)
		}
	}
}
