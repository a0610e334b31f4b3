package flow

// GateMax is how many bytes of a client may wait for a gate's answer, at most.
const GateMax = 64 << 10

// ReplyMax is how many bytes a gate may say to a client at once.
const ReplyMax = 1 << 10

// Amend changes what a backend says first, in place and without changing its length, before anybody sees it. It is given
// the next bytes at each call, and not called again once it has answered that it is done; until then its direction is
// read and written, never spliced. It does not wait.
type Amend func(b []byte) (done bool)

// Gate judges what a client sends before the backend gets any of it. A gate belongs to one session; its method is
// called by one goroutine at a time and does not wait.
type Gate interface {
	// Inspect is given all bytes that are held, the oldest first: those that it has not let pass yet, and what came since.
	// eof says that the client has closed its side behind them. It is called when bytes have come, and once at the end of
	// them with eof; held is empty when the end comes alone.
	//
	// When nothing of GateMax bytes passes, the session is refused; so is it when something is still held after eof.
	Inspect(held []byte, eof bool) GateAnswer
}

// GateAnswer is what becomes of the bytes that a gate was given.
type GateAnswer struct {
	// Pass is how many of them go on to the backend now; the rest is held.
	Pass int
	// Done says that the gate has seen enough: everything passes from now on, what is held included. Pass means nothing.
	Done bool
	// Take is how many bytes go no further, the oldest first: the gate has answered them itself. Pass counts from behind
	// them, and so does what Done lets through.
	Take int
	// Reply goes to the client, from lodoor. A gate may speak only while the backend has not spoken yet, and at most
	// ReplyMax bytes at once; a client that does not take them at once is gone.
	Reply []byte
	// Refuse ends the session: nothing of what is held reaches the backend, and both legs are reset. Pass and Done mean
	// nothing.
	Refuse *Verdict
}
