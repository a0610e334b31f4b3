package flow

import "net/netip"

// Lead is what a search for the process behind a peer begins with. The zero Lead leads nowhere.
type Lead struct {
	// Local and Remote are the ends of the peer's own socket, as that socket has them: Remote is the front.
	Local, Remote netip.AddrPort
	// Inode is the socket's (sock_diag(7)); 0 when unknown. Who has it now holds the connection.
	Inode uint64
	// PID and PIDFD are the process that connected to a Unix socket (SO_PEERCRED, SO_PEERPIDFD); 0 when unknown. Who has
	// the Lead closes PIDFD.
	PID, PIDFD int
}

// Seeker waits for the answer to a search for a process.
type Seeker interface {
	// Wanted says whether it still waits. A search that nobody waits for may be given up without an answer. It must not
	// block.
	Wanted() bool
	// Urgent says whether somebody is kept waiting for the answer, as by a rule that cannot decide without it; the log
	// takes what comes. It is asked once, at the beginning.
	Urgent() bool
	// Met says what is known of who connected while it is looked for who has the socket beside. It is called once at most
	// and before Found, and must not block. Found has it, too, unless nobody waits for that any more.
	Met(o Origin)
	// Found is the answer; it is called once at most, on a goroutine that other searches need, and must not block.
	Found(o Origin)
}
