package probe

import "fmt"

// judgeSocket is about a Unix socket.
func (f *Facts) judgeSocket() Verdict {
	s, path := f.Socket, f.At.Path
	if len(f.Attempts) == 0 {
		return Verdict{Network, path + " was not tried", "ask again"}
	}
	a := &f.Attempts[0]
	switch {
	case a.Good():
		return Verdict{OK, fmt.Sprintf("%s answers at %s%s", f.who(a), a.To, said(a)), ""}
	case a.Outcome == Connected:
		return f.judgeConnected(a)
	case a.Outcome == NotPermitted:
		return f.judgeNotPermitted()
	case a.Outcome == Missing:
		return f.judgeMissing()
	case s.Exists && s.Kind != "socket" && s.Kind != "":
		return Verdict{Application, fmt.Sprintf("%s is not a socket but a %s", path, s.Kind),
			"correct the path; when the service should make its socket there, move that away"}
	case a.Outcome == Refused && s.Abstract:
		return Verdict{Application, "refused: nobody listens on the abstract Unix socket " + path, "start the service; 'ss -xl' lists those that listen"}
	case a.Outcome == Refused:
		return Verdict{Application, fmt.Sprintf("refused: %s is stale: it was left behind, and nobody listens on it any more", path),
			f.elsewhereOr(fmt.Sprintf("start the service; if it does not replace the file, 'rm %s' first", path))}
	case a.Outcome == Full, a.Outcome == TimedOut:
		return Verdict{faultOf(f.listener(a)), fmt.Sprintf("%s does not accept: the accept queue of %s is full", f.who(a), path),
			"it hangs, is stopped or is overloaded: look at its log and at what it waits for, and restart it"}
	case a.Outcome == WrongKind:
		return Verdict{Application, path + " is a Unix socket of another kind (for datagrams, as those of syslog)",
			"correct the path: connections need one for streams"}
	default:
		return Verdict{Application, fmt.Sprintf("connecting to %s failed (%s)", path, a.Error), "look up that error of unix(7)"}
	}
}

// judgeNotPermitted names what keeps this user out: connect(2) needs write permission on the socket, and search
// permission on each directory that leads to it.
func (f *Facts) judgeNotPermitted() Verdict {
	s, path := f.Socket, f.At.Path
	switch {
	case s.Barrier != "":
		return Verdict{Application, fmt.Sprintf("permission: this user may not pass the directory %s (mode %s, user %s, group %s)", s.Barrier, s.Mode, s.Owner, s.Group),
			fmt.Sprintf("run the client as %s or as a member of group %s, or let the service put its socket where its clients may go", s.Owner, s.Group)}
	case s.Exists && s.Kind == "socket" && s.Mode != "":
		return Verdict{Application, fmt.Sprintf("permission: this user may not write to the socket %s (mode %s, user %s, group %s)", path, s.Mode, s.Owner, s.Group),
			fmt.Sprintf("run the client as %s or as a member of group %s, or set a wider mode in the service's settings (unix_socket_permissions, unixsocketperm)", s.Owner, s.Group)}
	default:
		return Verdict{Network, fmt.Sprintf("permission: this system does not permit to connect to %s", path),
			"look for a security module's denial in the kernel's log"}
	}
}

func (f *Facts) judgeMissing() Verdict {
	s, path := f.Socket, f.At.Path
	cause := fmt.Sprintf("missing: there is no %s", path)
	if s.Lacking != "" {
		cause = fmt.Sprintf("missing: there is no directory %s, and so no %s", s.Lacking, path)
	}
	return Verdict{Application, cause, f.elsewhereOr("start the service, which makes the file, or correct the path; 'ss -xl' lists those that listen")}
}

// elsewhereOr points to where a socket of the same name is alive.
func (f *Facts) elsewhereOr(mend string) string {
	if len(f.Socket.Elsewhere) > 0 {
		return fmt.Sprintf("try unix:%s, where somebody listens; or else %s", f.Socket.Elsewhere[0], mend)
	}
	return mend
}
