package sql

// EchoMax is how many bytes of a secret are remembered, at most.
const EchoMax = 256

// Echoes overwrites secrets in what a server says about the statement that held them. It remembers a few; when there
// were more, everything is overwritten. The zero value remembers none.
type Echoes struct{}

// Remember remembers a literal as it stood between its quotes.
func (e *Echoes) Remember(literal []byte) {}

// Empty says whether there is nothing to overwrite.
func (e *Echoes) Empty() bool { return false }

// Begin says that a new text begins with the next byte.
func (e *Echoes) Begin() {}

// Mask overwrites, in the next bytes of the text, what is part of a remembered secret or looks as if one could begin
// there. How the text is cut into pieces makes no difference.
func (e *Echoes) Mask(b []byte) {
	for i := range b {
		b[i] = 'x'
	}
}

// WithoutQuoted is a server's message with what it quotes replaced by a question mark: strings in single and double
// quotes, in backquotes, and numbers.
func WithoutQuoted(message []byte) []byte { return nil }
