package pcapng

// spentBytes is how much may be spent before it has to be given back.
const spentBytes = 256 << 10

// spent are buffers that nobody needs any more but files that were lent their payload.
type spent struct {
	buffers []lentBuffer
	bytes   int64 // of memory
}

type lentBuffer struct {
	of     *tap
	buffer *buffer
}

func (s *spent) add(of *tap, b *buffer) {
	s.buffers = append(s.buffers, lentBuffer{of, b})
	s.bytes += of.rec.memory.charge(cap(b.b))
}

// giveBack is for when all files have written what they were lent.
func (s *spent) giveBack(to *memory) {
	for _, b := range s.buffers {
		to.give(&b.of.held, b.buffer)
	}
	clear(s.buffers)
	s.buffers, s.bytes = s.buffers[:0], 0
}
