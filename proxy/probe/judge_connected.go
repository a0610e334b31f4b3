package probe

// hangs is what to do about a server that does not accept.
const hangs = "it hangs, is stopped or is overloaded: look at its log and at what it waits for, and restart it"

// judgeConnected is about a connection that came about and was no use.
func (f *Facts) judgeConnected(a *Attempt) Verdict {
	l := f.listener(a)
	who := f.who(a)
	switch {
	case a.After == NotAccepted:
		return because(faultOf(l), "%s does not accept: the connection to %s waits in its accept queue", who, a.To).
			mendedBy(hangs)
	case a.Complaint:
		return because(Application, "%s refuses with an error of its own: %q", who, a.Greeting).
			mendedBy("its message says what to change in its settings")
	case l != nil && l.isDoor():
		return because(Rule, "%s is a door that ended the connection at once; its rules refuse this client, "+
			"or its backend is down", who).
			mendedBy("run this as the door's own user or as root, who can ask it; 'lodoor logs' has the reason")
	case l != nil && l.passesOn():
		return because(Application, "%s accepted the connection to %s and %s it at once: what it forwards to does not answer",
			who, a.To, ended(a)).
			mendedBy("start the service behind it (in a container: is it up, and does it listen on 0.0.0.0 there?)")
	default:
		return because(Application, "%s accepted the connection to %s and %s it at once", who, a.To, ended(a)).
			mendedBy("its log says why: an access list, a limit of connections, a crash of its worker")
	}
}

func ended(a *Attempt) string {
	if a.After == ResetThen {
		return "reset"
	}
	return "closed"
}
