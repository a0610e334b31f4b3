//go:build !portable

package lane

// chunk is what a loop reads into. Usually all of it is sent at once, and the loop reads into it again. When the
// receiver does not take all, the direction keeps the chunk until it has.
type chunk struct {
	buf  *buffer
	rest []byte // of buf, not yet sent
}

// maxChunks is how many a loop keeps that nobody uses.
const maxChunks = 2

// chunks lend chunks to one loop. The zero value is ready.
type chunks struct{ free []*chunk }

func (cs *chunks) get() *chunk {
	last := len(cs.free) - 1
	if last < 0 {
		return &chunk{buf: new(buffer)}
	}
	c := cs.free[last]
	cs.free[last] = nil
	cs.free = cs.free[:last]
	return c
}

func (cs *chunks) put(c *chunk) {
	c.rest = nil
	if len(cs.free) < maxChunks {
		cs.free = append(cs.free, c)
	}
}
