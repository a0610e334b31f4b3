package origin

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

// Holder is who listens at an address. The zero Holder is nobody.
type Holder struct {
	// Err is why it could not be found out; nothing else is set then.
	Err error
	// Listening says that somebody listens; when it is false nothing below is set.
	Listening bool
	// PID is the process, 0 when it was not found. Of a server and the workers that inherited its socket it is the
	// server.
	PID int
	// Program is what a person calls it.
	Program string
	// UID is the process's effective user or, when there is no PID, the one that made the socket; it means something
	// only when UIDKnown is set. User is its name; empty when it has none.
	UID      uint32
	UIDKnown bool
	User     string
	// Foreign says that the process belongs to another user and may not be looked at.
	Foreign bool
}

// String is for people: "postgres (pid 812, user postgres)", "another user's process (user postgres)", "nobody". It has
// no control characters, whatever the program calls itself.
func (h Holder) String() string {
	var details []string
	who := h.Program
	switch {
	case h.Err != nil:
		return "somebody unknown (" + printable(h.Err.Error()) + ")"
	case !h.Listening:
		return "nobody"
	case h.PID != 0:
		details = append(details, "pid "+strconv.Itoa(h.PID))
	case h.Foreign:
		who = "another user's process"
	default:
		who = "a process that cannot be seen from here"
	}
	switch {
	case h.User != "":
		details = append(details, "user "+printable(h.User))
	case h.UIDKnown:
		details = append(details, "uid "+strconv.FormatUint(uint64(h.UID), 10))
	}
	if who == "" {
		who = "a process without a name"
	}
	if len(details) == 0 {
		return printable(who)
	}
	return printable(who) + " (" + strings.Join(details, ", ") + ")"
}

func printable(s string) string {
	if utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return s
	}
	return strconv.Quote(s)
}

// HolderOf tells who listens at an address of this host: TCP in the network namespace of the calling thread, or a Unix
// socket. An unspecified address (0.0.0.0, ::) asks for whoever would be in its way; localhost, or a port alone, for
// 127.0.0.1 and then ::1. When ctx is over before the process is found, the answer is without it.
//
// That nobody listens is not an error. [Holder.Err] is [errors.ErrUnsupported] where the system does not tell.
func HolderOf(ctx context.Context, at flow.Endpoint) Holder {
	f := finder{proc: procfs.New(""), listeners: sockdiag.Listeners, addresses: net.InterfaceAddrs}
	h, err := f.find(ctx, at)
	if err != nil {
		return Holder{Err: fmt.Errorf("find who listens at %s: %w", at, err)}
	}
	return h
}

// finder is HolderOf's view of the system.
type finder struct {
	proc      procfs.FS
	listeners func(port uint16) ([]sockdiag.Socket, error)
	addresses func() ([]net.Addr, error)
}

func (f *finder) find(ctx context.Context, at flow.Endpoint) (Holder, error) {
	if at.IsUnix() {
		return f.findUnix(ctx, at.Path)
	}
	candidates, err := f.candidates(at)
	if err != nil {
		return Holder{}, err
	}
	sockets, err := f.listeners(at.Port)
	if err != nil {
		return Holder{}, err
	}
	for _, a := range candidates {
		if s := listenerAt(sockets, a); s != nil {
			uid, known := s.Owner()
			return f.describe(ctx, uint64(s.Inode), Holder{Listening: true, UID: uid, UIDKnown: known}), nil
		}
	}
	return Holder{}, nil
}

// findUnix is find for Unix sockets. The path that was bound may be another name of the same file (/var/run, /run).
func (f *finder) findUnix(ctx context.Context, path string) (Holder, error) {
	sockets, err := f.proc.UnixListeners()
	if errors.Is(err, os.ErrNotExist) {
		return Holder{}, errors.ErrUnsupported
	}
	if err != nil {
		return Holder{}, err
	}
	file, _ := os.Stat(path) // nil when it is abstract, or may not be seen
	for _, same := range []func(bound string) bool{
		func(bound string) bool { return bound == path },
		func(bound string) bool {
			other, err := os.Stat(bound)
			return file != nil && err == nil && os.SameFile(file, other)
		},
	} {
		i := slices.IndexFunc(sockets, func(s procfs.UnixListener) bool { return same(s.Path) })
		if i >= 0 {
			return f.describe(ctx, sockets[i].Inode, Holder{Listening: true}), nil
		}
	}
	return Holder{}, nil
}

// describe adds the process to what is known of the socket.
func (f *finder) describe(ctx context.Context, inode uint64, h Holder) Holder {
	switch holders, err := f.proc.Holders(ctx, inode); {
	case len(holders) > 0:
		p := server(holders)
		h.PID, h.Program, h.UID, h.UIDKnown = p.PID, p.Program, p.UID, true
	case h.UIDKnown:
		// Where /proc is mounted with hidepid other users' processes are not even listed.
		me := os.Geteuid()
		h.Foreign = int64(h.UID) != int64(me) && (me != 0 || errors.Is(err, procfs.ErrNotPermitted))
	default:
		h.Foreign = errors.Is(err, procfs.ErrNotPermitted)
	}
	if h.UIDKnown {
		h.User = findUser(h.UID)
	}
	return h
}

// server is the process that the others have the socket from. Process 1 often holds sockets for services that it
// starts, and is named only when nobody else has the socket.
func server(holders []procfs.Process) procfs.Process {
	inherited := func(p procfs.Process) bool {
		return p.PID == 1 || slices.ContainsFunc(holders, func(h procfs.Process) bool { return h.PID == p.PPID && h.PID != 1 })
	}
	for _, p := range slices.Backward(holders) { // oldest first
		if !inherited(p) {
			return p
		}
	}
	return holders[0]
}
