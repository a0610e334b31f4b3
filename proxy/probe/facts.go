package probe

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// Facts are what was found out about an address.
type Facts struct {
	At flow.Endpoint `json:"address"`
	// Port is nil of a Unix socket, and Socket of a port.
	Port   *Port   `json:"port,omitempty"`
	Socket *Socket `json:"unix_socket,omitempty"`
	// Listeners are all that listen on the port, or on the Unix socket. Blind is why they are not known.
	Listeners []Listener `json:"listeners,omitempty"`
	Blind     string     `json:"listeners_unknown,omitempty"`
	// Taken are connections whose own end has the port without having come in by a listener.
	Taken []Taken `json:"taken_by,omitempty"`
	// Unresolved is why a name has no address.
	Unresolved string `json:"unresolved,omitempty"`
	// Attempts are in the order in which a client would make them.
	Attempts []Attempt `json:"attempts,omitempty"`
	// Binds is set when it was tried to take the address, instead of attempts to connect.
	Binds []Bind `json:"binds,omitempty"`
}

// Listener is a socket that waits for connections.
type Listener struct {
	// Local is where; not valid of a Unix socket.
	Local netip.AddrPort `json:"local,omitzero"`
	// V6Only says that an IPv6 socket takes no IPv4.
	V6Only bool `json:"v6only,omitempty"`
	// Queue says how many connections wait to be accepted, and how many may; nil where that is not known.
	Queue *Queue `json:"accept_queue,omitempty"`
	// Who is the process and its user in words: "redis-server (pid 7, user redis)".
	Who string `json:"who"`
	// Program, PID and User are what Who is made of, as far as they are known.
	Program string `json:"program,omitempty"`
	PID     int    `json:"pid,omitempty"`
	User    string `json:"user,omitempty"`
}

// isDoor says whether it is a lodoor, or a build of one: lodoor-race.
func (l *Listener) isDoor() bool {
	name, _, _ := strings.Cut(l.Program, "-")
	return name == "lodoor"
}

// passesOn says whether it is one of the programs that listen only to carry connections to somebody else.
func (l *Listener) passesOn() bool {
	return slices.Contains([]string{
		"docker-proxy", "rootlesskit", "rootlessport", "slirp4netns", "pasta", "passt", "socat", "ssh", "autossh", "kubectl",
		"cloud-sql-proxy", "session-manager-plugin", "haproxy",
	}, l.Program)
}

// Queue is a listener's accept queue.
type Queue struct {
	Waiting uint32 `json:"waiting"`
	Most    uint32 `json:"most"`
}

// Full says whether the kernel leaves new connections without an answer: Linux lets in one more than the backlog.
func (q *Queue) Full() bool { return q != nil && q.Waiting > q.Most }

// Taken is a client's connection that has the port as its own.
type Taken struct {
	Local  netip.AddrPort `json:"local"`
	Remote netip.AddrPort `json:"remote"`
	State  string         `json:"state"`
	Who    string         `json:"who"`
}

// Outcome is what an attempt to connect, or to bind, came to.
type Outcome string

// The outcomes.
const (
	Connected    Outcome = "connected"
	Refused      Outcome = "refused"
	Reset        Outcome = "reset"
	TimedOut     Outcome = "timed out"
	Unreachable  Outcome = "unreachable"
	NotPermitted Outcome = "not permitted"
	NoAddress    Outcome = "no such address"
	Missing      Outcome = "missing"
	Full         Outcome = "queue full"   // of a Unix socket
	WrongKind    Outcome = "wrong kind"   // a Unix socket that is no stream
	NotTried     Outcome = "not tried"    // the time was up
	Failed       Outcome = "failed"       // in another way
	Bound        Outcome = "can be bound" // of a bind
	InUse        Outcome = "in use"       // of a bind
)

// After is what became of a connection in the moment after it was made.
type After string

// What can become of it.
const (
	StaysOpen   After = "open"
	ClosedThen  After = "closed"
	ResetThen   After = "reset"
	NotAccepted After = "not accepted" // it waits in the accept queue
)

// Attempt is one attempt to connect as a client does.
type Attempt struct {
	// Name is what the client was told: localhost, 127.0.0.1.
	Name string `json:"name"`
	// To is what that is: 127.0.0.1:5432, unix:/run/redis.sock. Addr is the same, not valid for a Unix socket.
	To   string         `json:"to"`
	Addr netip.AddrPort `json:"-"`
	// Own says that it is an address of this host.
	Own bool `json:"own"`
	// From is the attempt's own end. Of one that was reset as soon as it was made only the port is known.
	From    netip.AddrPort `json:"from,omitzero"`
	Outcome Outcome        `json:"outcome"`
	// Error is the system's words when it did not connect.
	Error string `json:"error,omitempty"`
	// Took is how long it took to connect, or to fail.
	Took time.Duration `json:"duration_ns"`
	// After is set when it was connected.
	After After `json:"after,omitempty"`
	// Greeting is what can be read of the bytes that came unasked, of which there were Greeted at least.
	Greeting string `json:"greeting,omitempty"`
	Greeted  int    `json:"greeting_bytes,omitempty"`
	// Complaint says that the greeting is an error of a protocol that is known.
	Complaint bool `json:"complaint,omitempty"`
}

// Good says whether a client would be content.
func (a *Attempt) Good() bool {
	return a.Outcome == Connected && !a.Complaint && (a.After == StaysOpen || a.After == ClosedThen && a.Greeted > 0)
}

// Bind is one attempt to take an address as a server does. Nothing listened on it, so that no client was misled.
type Bind struct {
	To      netip.AddrPort `json:"to"`
	Outcome Outcome        `json:"outcome"`
	Error   string         `json:"error,omitempty"`
}
