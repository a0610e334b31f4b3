package probe

import (
	"fmt"
	"net/netip"
)

// judgeConnected is about a connection that came about and was no use.
func (f *Facts) judgeConnected(a *Attempt) Verdict {
	l := f.listener(a)
	who := f.who(a)
	switch {
	case a.After == NotAccepted:
		return Verdict{faultOf(l), fmt.Sprintf("%s does not accept: the connection to %s waits in its accept queue", who, a.To),
			"it hangs, is stopped or is overloaded: look at its log and at what it waits for, and restart it"}
	case a.Complaint:
		return Verdict{Application, fmt.Sprintf("%s refuses with an error of its own: %q", who, a.Greeting),
			"its message says what to change in its settings"}
	case l != nil && l.isDoor():
		return Verdict{Rule, fmt.Sprintf("%s is a door that ended the connection at once; its rules refuse this client, or its backend is down", who),
			"run this as the door's own user or as root, who can ask it; 'lodoor logs' has the reason"}
	case l != nil && l.passesOn():
		return Verdict{Application, fmt.Sprintf("%s accepted the connection to %s and %s it at once: what it forwards to does not answer", who, a.To, ended(a)),
			"start the service behind it (in a container: is it up, and does it listen on 0.0.0.0 there?)"}
	default:
		return Verdict{Application, fmt.Sprintf("%s accepted the connection to %s and %s it at once", who, a.To, ended(a)),
			"its log says why: an access list, a limit of connections, a crash of its worker"}
	}
}

func ended(a *Attempt) string {
	if a.After == ResetThen {
		return "reset"
	}
	return "closed"
}

// judgeUnconnected is about an attempt that came to no connection.
func (f *Facts) judgeUnconnected(a *Attempt) Verdict {
	switch a.Outcome {
	case Refused:
		return f.judgeRefused(a)
	case TimedOut:
		return f.judgeTimedOut(a)
	case Unreachable:
		return Verdict{Network, fmt.Sprintf("%s cannot be reached (%s)%s", a.To, a.Error, notOurs(a)),
			fmt.Sprintf("check the address; 'ip route get %s' shows the way that is taken, 'ping' whether the host is up", a.Addr.Addr())}
	case NotPermitted:
		return Verdict{Network, fmt.Sprintf("this system does not permit to connect to %s (%s)", a.To, a.Error),
			"look for a prohibited route ('ip route'), an output rule ('nft list ruleset'), IPAddressDeny= of the unit, or a security module's denial in the kernel's log"}
	case NoAddress:
		return f.judgeNoAddress(a)
	case NotTried:
		return Verdict{Network, "the time was up before " + a.To + " was tried", "ask about that address alone"}
	default:
		return Verdict{Network, fmt.Sprintf("connecting to %s failed (%s)", a.To, a.Error), "look up that error of connect(2)"}
	}
}

// judgeRefused tells apart who is not there, who is elsewhere, and who is kept from answering.
func (f *Facts) judgeRefused(a *Attempt) Verdict {
	port := f.At.Port
	switch l := f.listener(a); {
	case !a.Own:
		return Verdict{Application, fmt.Sprintf("%s refused%s: nobody listens there, or its firewall rejects", a.To, notOurs(a)),
			"run 'lodoor check' on that host"}
	case l != nil:
		return Verdict{Network, fmt.Sprintf("%s was refused although %s listens there: a firewall rejects", a.To, l.Who),
			fmt.Sprintf("look for a reject of tcp port %d in 'nft list ruleset' (or 'iptables -S')", port)}
	case f.Blind != "":
		return Verdict{Application, fmt.Sprintf("%s was refused: nobody listens there, or a firewall rejects (%s)", a.To, f.Blind),
			"start the service"}
	case len(f.Listeners) > 0:
		return f.judgeElsewhere(a)
	case len(f.Taken) > 0:
		t := &f.Taken[0]
		return Verdict{Application, fmt.Sprintf("nobody listens on port %d, which is taken: it is the own end of a connection of %s to %s", port, t.Who, t.Remote),
			"a server can have it when that has ended; " + f.keepAway()}
	default:
		v := Verdict{Application, fmt.Sprintf("refused: nobody listens on port %d, at no address of this host", port),
			"start the service, or look in its log and settings for the port that it has"}
		if f.Port != nil && f.Port.ForClients() {
			v.Mend += fmt.Sprintf("; the port is in the range that this system gives its clients: %s", f.keepAway())
		}
		return v
	}
}

// keepAway says how a server's port is kept from clients.
func (f *Facts) keepAway() string {
	if f.Port == nil || f.Port.ClientFirst == 0 {
		return "take another port, below those that the system gives its clients"
	}
	return fmt.Sprintf("take a port outside %d-%d, or reserve this one: sysctl net.ipv4.ip_local_reserved_ports=%d",
		f.Port.ClientFirst, f.Port.ClientLast, f.At.Port)
}

// judgeElsewhere is about a service that listens, and not where the client goes.
func (f *Facts) judgeElsewhere(a *Attempt) Verdict {
	l := &f.Listeners[0]
	addr, port := a.Addr.Addr(), f.At.Port
	cause := fmt.Sprintf("wrong address: %s listens at %s only, not at %s", l.Who, f.where(), a.To)
	if a.Name == "localhost" {
		cause = fmt.Sprintf("wrong address: localhost is %s here, and %s listens at %s only", addr, l.Who, f.where())
	}
	sameKind := false
	for i := range f.Listeners {
		sameKind = sameKind || f.Listeners[i].Local.Addr().Is4() == addr.Is4()
	}
	if !sameKind {
		cause = fmt.Sprintf("wrong family: %s", cause[len("wrong address: "):])
	}
	at := l.Local
	if at.Addr().IsUnspecified() {
		at = netip.AddrPortFrom(loopback(at.Addr()), port)
	}
	mend := fmt.Sprintf("connect to %s, or let it listen at %s too", at, addr)
	if !addr.IsLoopback() {
		mend += fmt.Sprintf(" (others in that network can then reach port %d)", port)
	}
	return Verdict{faultOf(l), cause, mend}
}

// judgeTimedOut tells apart a service that does not accept and packets that are lost.
func (f *Facts) judgeTimedOut(a *Attempt) Verdict {
	look := fmt.Sprintf("look for a drop of tcp port %d in 'nft list ruleset' (or 'iptables -S'), on the way in and out", f.At.Port)
	switch l := f.listener(a); {
	case !a.Own:
		return Verdict{Network, fmt.Sprintf("timed out: %s did not answer%s: the host is gone, or a firewall drops", a.To, notOurs(a)),
			fmt.Sprintf("'ping %s' and 'ip route get %s' tell whether it is there; then look at its firewall", a.Addr.Addr(), a.Addr.Addr())}
	case l != nil && l.Queue.Full():
		return Verdict{faultOf(l), fmt.Sprintf("timed out: %s does not accept: its accept queue at %s is full (%d wait, %d may)",
			l.Who, l.Local, l.Queue.Waiting, l.Queue.Most),
			"it hangs, is stopped or is overloaded: look at its log and at what it waits for, and restart it; a longer backlog helps only against bursts"}
	case l != nil:
		return Verdict{Network, fmt.Sprintf("timed out: %s listens at %s and its accept queue is not full, but nothing gets through to %s: a firewall drops",
			l.Who, l.Local, a.To), look}
	default:
		return Verdict{Network, fmt.Sprintf("timed out: a firewall drops what is sent to %s (where nobody listens the kernel refuses at once)", a.To), look}
	}
}

// judgeNoAddress is about an address that this host does not have, or a family that it does not speak.
func (f *Facts) judgeNoAddress(a *Attempt) Verdict {
	if a.Addr.Addr().Is6() {
		return Verdict{Network, fmt.Sprintf("wrong family: this host has no IPv6 address from which to connect to %s (%s)", a.To, a.Error),
			"connect to 127.0.0.1, or switch IPv6 on: sysctl net.ipv6.conf.all.disable_ipv6=0"}
	}
	return Verdict{Network, fmt.Sprintf("this host has no address from which to connect to %s (%s)", a.To, a.Error),
		"'ip address' shows those that it has; when all ports of clients are in use, close some connections"}
}

// notOurs says that an address is another host's.
func notOurs(a *Attempt) string {
	if a.Own {
		return ""
	}
	return ", which is not an address of this host"
}
