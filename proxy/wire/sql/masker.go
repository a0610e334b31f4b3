package sql

// Masker overwrites in a statement's text what is secret, byte by byte as the text comes; lengths stay. How the text is
// cut into pieces makes no difference. Quotes stay; digits of numbers become 0, everything else x.
type Masker struct {
	judge             judge
	dialect           Dialect
	secrets, literals bool
	found             func(literal []byte)
	buf               [EchoMax]byte // of the secret that is read
	n                 int
	any, lost         bool
}

// NewMasker makes a masker. secrets are passwords in statements that set or use them, literals are all strings and
// numbers, and comments.
func NewMasker(d Dialect, secrets, literals bool) *Masker {
	m := &Masker{dialect: d, secrets: secrets, literals: literals}
	m.judge.begin(d)
	return m
}

// Found has f told of each secret that was overwritten, as it stood, the quotes inside and the one behind it included, at
// most EchoMax bytes of it; the slice is valid during the call. Echoes.Remember is such a function.
func (m *Masker) Found(f func(literal []byte)) { m.found = f }

// SetDialect says how strings are read from the next text on.
func (m *Masker) SetDialect(d Dialect) { m.dialect = d }

// Begin says that a new text begins with the next byte.
func (m *Masker) Begin() {
	m.End()
	m.judge.begin(m.dialect)
	m.any, m.lost = false, false
}

// Mask overwrites the next bytes of the text.
func (m *Masker) Mask(b []byte) {
	if !m.secrets && !m.literals {
		return
	}
	for i := 0; i < len(b); i++ {
		if !m.literals && !m.lost && m.n == 0 {
			i += m.judge.idle(b[i:])
		}
		b[i] = m.mask(b[i])
	}
}

func (m *Masker) mask(c byte) byte {
	if m.lost {
		return 'x'
	}
	lex := &m.judge.lex
	was := lex.kind
	secret := m.judge.secret(c)
	if lex.fresh || lex.kind != was {
		m.End()
	}
	switch {
	case secret && m.secrets:
		m.any = true
		m.keep(c)
		return fill(lex)
	case m.n > 0:
		m.keep(c) // a quote inside a secret, or the one behind it
	}
	if m.literals && !lex.edge && m.literal(c) {
		return fill(lex)
	}
	return c
}

func (m *Masker) keep(c byte) {
	if m.n < len(m.buf) {
		m.buf[m.n] = c
		m.n++
	}
}

func (m *Masker) literal(c byte) bool {
	switch m.judge.lex.kind {
	case text:
		return true
	case number:
		return c != '.'
	case comment:
		return !isSpace(c)
	}
	return false
}

// fill is what stands in the place of a byte.
func fill(l *lexer) byte {
	if l.kind == number || l.kind == text && l.digits {
		return '0'
	}
	return 'x'
}

// Skip says that n bytes of the text were not kept. What follows cannot be known any more, and is overwritten up to the
// next text.
func (m *Masker) Skip(n uint64) { m.lost = m.lost || n > 0 }

// End says that the text is over. A secret that was not finished is told now.
func (m *Masker) End() {
	if m.n > 0 && m.found != nil {
		m.found(m.buf[:m.n])
	}
	m.n = 0
}

// Secret says whether a secret was overwritten in the text so far.
func (m *Masker) Secret() bool { return m.any }
