package sql

// Masker overwrites in a statement's text what is secret, byte by byte as the text comes; lengths stay. How the text is
// cut into pieces makes no difference. Letters become x, digits 0; quotes stay.
type Masker struct {
	found func(literal []byte)
}

// NewMasker makes a masker. secrets are passwords in statements that set or use them, literals are all strings and
// numbers, and comments.
func NewMasker(d Dialect, secrets, literals bool) *Masker { return &Masker{} }

// Found has f told of each secret that was overwritten, as it stood between its quotes, at most EchoMax bytes of it; the
// slice is valid during the call. Echoes.Remember is such a function.
func (m *Masker) Found(f func(literal []byte)) { m.found = f }

// SetDialect says how strings are read from the next text on.
func (m *Masker) SetDialect(d Dialect) {}

// Begin says that a new text begins with the next byte.
func (m *Masker) Begin() {}

// Mask overwrites the next bytes of the text.
func (m *Masker) Mask(b []byte) {
	for i := range b {
		b[i] = 'x'
	}
}

// Skip says that the next n bytes of the text were not kept. Where it cannot be known any more what follows is, all of
// it is overwritten until the next text.
func (m *Masker) Skip(n uint64) {}

// End says that the text is over. A secret that was not finished is told now.
func (m *Masker) End() {}

// Secret says whether a secret was overwritten in the text so far.
func (m *Masker) Secret() bool { return true }
