package postgres

// keeper keeps the beginning of a message's body, as far as it is wanted. A body that comes in one piece is not copied.
type keeper struct {
	want  int    // bytes
	size  uint32 // of the whole body
	head  uint64 // bytes before it
	buf   []byte
	whole []byte // the body's beginning, where it came at once
	seen  uint32
	cut   bool // there is more than what is kept
}

// keeperMax is how large a buffer may be that is kept for the next message.
const keeperMax = 2 << 10

func (k *keeper) begin(want int, whole, head uint32) {
	size := whole - head
	k.want, k.size, k.head, k.whole, k.seen = want, size, uint64(head), nil, 0
	k.cut = uint64(size) > uint64(want)
	if cap(k.buf) > keeperMax {
		k.buf = nil
	}
	k.buf = k.buf[:0]
}

func (k *keeper) add(b []byte) {
	if k.want == 0 {
		return
	}
	if uint64(len(b)) == uint64(k.size) {
		k.whole = b[:min(len(b), k.want)]
		return
	}
	k.seen += uint32(len(b))
	if room := k.want - len(k.buf); room > 0 {
		k.buf = append(k.buf, b[:min(len(b), room)]...)
	}
}

// gap says that the next bytes of the body are missing: what follows them is of no use.
func (k *keeper) gap(n uint32) {
	k.seen += n
	k.cut = k.cut || len(k.buf) < k.want
	k.want = len(k.buf)
}

// kept is valid until the next piece comes.
func (k *keeper) kept() []byte {
	if k.whole != nil {
		return k.whole
	}
	return k.buf
}
