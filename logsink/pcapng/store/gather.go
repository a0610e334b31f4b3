package store

const (
	// buffered is how much is copied before it is written. It holds several of the largest packets.
	buffered = 256 << 10
	// gathered is how much there is to a write, with what is lent.
	gathered = 1 << 20
	// lentAtLeast is what it costs less to write from where it lies than to copy first.
	lentAtLeast = 4 << 10
)

// gather collects whole blocks and writes many at once, never a part of one. What is lent to it stays where it is, if the
// media takes it from there.
type gather struct {
	to     *sink
	lends  bool
	copied []byte   // never grows, since pieces are of it
	from   int      // what is in copied from here on is in no piece yet
	pieces [][]byte // in order
	held   int      // bytes of both
	lent   bool     // some of it
}

func newGather(to *sink) *gather {
	_, lends := to.media.(pieceWriter)
	return &gather{to: to, lends: lends, copied: make([]byte, 0, buffered)}
}

// Begin says that the next length bytes are whole blocks.
func (g *gather) Begin(length int) error {
	if g.held+length <= gathered && g.fits(length) {
		return nil
	}
	return g.Flush()
}

func (g *gather) fits(length int) bool { return length <= cap(g.copied)-len(g.copied) }

// Write copies b, unless there never is room for that much: then it is written at once.
func (g *gather) Write(b []byte) (int, error) {
	if !g.fits(len(b)) {
		g.keep(b)
		return len(b), g.Flush()
	}
	g.copied = append(g.copied, b...)
	g.held += len(b)
	return len(b), nil
}

// Lend is Write for what stays as it is until Flush.
func (g *gather) Lend(b []byte) error {
	if !g.lends || len(b) < lentAtLeast {
		_, err := g.Write(b)
		return err
	}
	g.keep(b)
	g.lent = true
	return nil
}

// Lent says whether it holds what was lent to it.
func (g *gather) Lent() bool { return g.lent }

// keep adds b as a piece behind what was copied.
func (g *gather) keep(b []byte) {
	g.cut()
	g.pieces = append(g.pieces, b)
	g.held += len(b)
}

// cut makes a piece of what was copied since the last one.
func (g *gather) cut() {
	if g.from < len(g.copied) {
		g.pieces = append(g.pieces, g.copied[g.from:])
		g.from = len(g.copied)
	}
}

// Flush writes all that is held.
func (g *gather) Flush() error {
	g.cut()
	err := g.to.writeAll(g.pieces)
	clear(g.pieces)
	g.copied, g.from, g.pieces, g.held = g.copied[:0], 0, g.pieces[:0], 0
	g.lent = false
	return err
}

// Close leaves the media open.
func (g *gather) Close() error { return g.Flush() }
