package ring

import "encoding/binary"

const (
	chunkSize  = 1 << 20
	headerSize = 12 // time and length
)

// store is a queue of blocks in a few large chunks. Each block lies within one chunk, behind its time and its length.
type store struct {
	chunks [][]byte // of the first, what is before head has been dropped
	head   int
	spare  []byte // a chunk that nobody uses
	blocks int
	bytes  int // of the blocks, without what is kept beside them
	lastAt int64
}

func (s *store) add(at int64, block []byte) {
	need := headerSize + len(block)
	last := len(s.chunks) - 1
	if last < 0 || cap(s.chunks[last])-len(s.chunks[last]) < need {
		s.chunks = append(s.chunks, s.chunk(need))
		last++
	}
	c := binary.NativeEndian.AppendUint64(s.chunks[last], uint64(at))
	c = binary.NativeEndian.AppendUint32(c, uint32(len(block)))
	s.chunks[last] = append(c, block...)
	s.blocks++
	s.bytes += len(block)
	s.lastAt = at
}

// chunk is an empty chunk with room for need bytes.
func (s *store) chunk(need int) []byte {
	if need <= cap(s.spare) {
		c := s.spare
		s.spare = nil
		return c
	}
	return make([]byte, 0, max(chunkSize, need))
}

// first is the time of the oldest block.
func (s *store) first() (at int64, some bool) {
	if s.blocks == 0 {
		return 0, false
	}
	return int64(binary.NativeEndian.Uint64(s.chunks[0][s.head:])), true
}

// firstBlock is the oldest block.
func (s *store) firstBlock() (block []byte, some bool) {
	if s.blocks == 0 {
		return nil, false
	}
	begin := s.head + headerSize
	return s.chunks[0][begin : begin+s.firstSize()], true
}

func (s *store) firstSize() int {
	return int(binary.NativeEndian.Uint32(s.chunks[0][s.head+8:]))
}

// drop forgets the oldest block, and keeps one chunk that it empties for later.
func (s *store) drop() {
	size := s.firstSize()
	s.head += headerSize + size
	s.blocks--
	s.bytes -= size
	if s.head < len(s.chunks[0]) {
		return
	}
	if cap(s.chunks[0]) == chunkSize {
		s.spare = s.chunks[0][:0]
	}
	copy(s.chunks, s.chunks[1:])
	s.chunks[len(s.chunks)-1] = nil
	s.chunks = s.chunks[:len(s.chunks)-1]
	s.head = 0
}
