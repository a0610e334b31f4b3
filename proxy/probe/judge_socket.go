package probe

import "fmt"

// judgeSocket is about a Unix socket.
func (f *Facts) judgeSocket() Verdict {
	s, path := f.Socket, f.At.Path
	a := &f.Attempts[0]
	switch {
	case a.Good():
		return because(OK, "%s answers at %s%s", f.who(a), a.To, said(a))
	case a.Outcome == Connected:
		return f.judgeConnected(a)
	case a.Outcome == NotPermitted:
		return f.judgeNotPermitted()
	case a.Outcome == Missing:
		return f.judgeMissing()
	case s.Exists && s.Kind != "socket" && s.Kind != "":
		return because(Application, "%s is not a socket but a %s", path, s.Kind).
			mendedBy("correct the path; when the service should make its socket there, move that away")
	case a.Outcome == Refused && s.Abstract:
		return because(Application, "refused: nobody listens on the abstract Unix socket %s", path).
			mendedBy("start the service; 'ss -xl' lists those that listen")
	case a.Outcome == Refused:
		return because(Application, "refused: %s is stale: it was left behind, and nobody listens on it any more", path).
			mendedBy("%s", f.elsewhereOr(fmt.Sprintf("start the service; if it does not replace the file, 'rm %s' first", path)))
	case a.Outcome == Full, a.Outcome == TimedOut:
		return because(faultOf(f.listener(a)), "%s does not accept: the accept queue of %s is full", f.who(a), path).
			mendedBy(hangs)
	case a.Outcome == WrongKind:
		return because(Application, "%s is a Unix socket of another kind (for datagrams, as those of syslog)", path).
			mendedBy("correct the path: connections need one for streams")
	default:
		return because(Application, "connecting to %s failed (%s)", path, a.Error).mendedBy("look up that error of unix(7)")
	}
}

// judgeNotPermitted names what keeps this user out: connect(2) needs write permission on the socket, and search
// permission on each directory that leads to it (unix(7)).
func (f *Facts) judgeNotPermitted() Verdict {
	s, path := f.Socket, f.At.Path
	rights := fmt.Sprintf("mode %s, user %s, group %s", s.Mode, s.Owner, s.Group)
	become := fmt.Sprintf("run the client as %s or as a member of group %s", s.Owner, s.Group)
	switch {
	case s.Barrier != "":
		return because(Application, "permission: this user may not pass the directory %s (%s)", s.Barrier, rights).
			mendedBy("%s, or let the service put its socket where its clients may go", become)
	case s.Exists && s.Kind == "socket" && s.Mode != "":
		return because(Application, "permission: this user may not write to the socket %s (%s)", path, rights).
			mendedBy("%s, or set a wider mode in the service's settings (unix_socket_permissions, unixsocketperm)", become)
	default:
		return because(Network, "permission: this system does not permit to connect to %s", path).
			mendedBy("look for a security module's denial in the kernel's log")
	}
}

func (f *Facts) judgeMissing() Verdict {
	s, path := f.Socket, f.At.Path
	v := because(Application, "missing: there is no %s", path)
	if s.Lacking != "" {
		v = because(Application, "missing: there is no directory %s, and so no %s", s.Lacking, path)
	}
	return v.mendedBy("%s", f.elsewhereOr(
		"start the service, which makes the file, or correct the path; 'ss -xl' lists those that listen"))
}

// elsewhereOr points to where a socket of the same name is alive.
func (f *Facts) elsewhereOr(mend string) string {
	if len(f.Socket.Elsewhere) > 0 {
		return fmt.Sprintf("try unix:%s, where somebody listens; or else %s", f.Socket.Elsewhere[0], mend)
	}
	return mend
}
