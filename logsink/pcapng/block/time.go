package block

import (
	"fmt"
	"math/bits"
	"time"
)

const (
	// microseconds is the resolution of an interface that does not tell one (4.2, if_tsresol).
	microseconds = 6
	second       = uint64(time.Second)
)

// ticks is how many units a second has: of a resolution the lower 7 bits are a negative power, of two when the highest
// bit is set, and otherwise of ten.
func ticks(resolution byte) (uint64, error) {
	const ofTwo, most2, most10 = 0x80, 63, 19
	power := resolution &^ ofTwo
	if resolution&ofTwo != 0 && power <= most2 {
		return 1 << power, nil
	}
	if resolution&ofTwo != 0 || power > most10 {
		return 0, fmt.Errorf("a resolution of times of %#x: expected at most 10^-%d or 2^-%d", resolution, most10, most2)
	}
	n := uint64(1)
	for range power {
		n *= 10
	}
	return n, nil
}

// time reads a time, its upper half first.
func (p *parser) time(b []byte, on *Interface) time.Time {
	value := uint64(p.order.Uint32(b))<<32 | uint64(p.order.Uint32(b[4:]))
	each, err := ticks(on.resolution)
	if err != nil {
		return time.Time{}
	}
	high, low := bits.Mul64(value%each, second)
	ns, _ := bits.Div64(high, low, each) // below a second, since the remainder is below each
	return time.Unix(int64(value/each)+on.offset, int64(ns))
}
