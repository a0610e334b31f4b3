package probe

import (
	"fmt"
	"net/netip"
	"slices"
)

// judgeUnconnected is about an attempt that came to no connection.
func (f *Facts) judgeUnconnected(a *Attempt) Verdict {
	switch a.Outcome {
	case Refused:
		return f.judgeRefused(a)
	case TimedOut:
		return f.judgeTimedOut(a)
	case Unreachable:
		return because(Network, "%s cannot be reached (%s)%s", a.To, a.Error, notOurs(a)).
			mendedBy("check the address; 'ip route get %s' shows the way that is taken, 'ping' whether the host is up",
				a.Addr.Addr())
	case NotPermitted:
		return because(Network, "this system does not permit to connect to %s (%s)", a.To, a.Error).
			mendedBy("look for a prohibited route ('ip route'), an output rule ('nft list ruleset'), IPAddressDeny= of the " +
				"unit, or a security module's denial in the kernel's log")
	case NoAddress:
		return f.judgeNoAddress(a)
	case NotTried:
		return because(Network, "the time was up before %s was tried", a.To).mendedBy("ask about that address alone")
	default:
		return because(Network, "connecting to %s failed (%s)", a.To, a.Error).mendedBy("look up that error of connect(2)")
	}
}

// judgeRefused tells apart who is not there, who is elsewhere, and who is kept from answering.
func (f *Facts) judgeRefused(a *Attempt) Verdict {
	port := f.At.Port
	switch l := f.listener(a); {
	case !a.Own:
		return because(Application, "%s refused%s: nobody listens there, or its firewall rejects", a.To, notOurs(a)).
			mendedBy("run 'lodoor check' on that host")
	case l != nil:
		return because(Network, "%s was refused although %s listens there: a firewall rejects", a.To, l.Who).
			mendedBy("look for a reject of tcp port %d in 'nft list ruleset' (or 'iptables -S')", port)
	case f.Blind != "":
		return because(Application, "%s was refused: nobody listens there, or a firewall rejects (%s)", a.To, f.Blind).
			mendedBy("start the service")
	case len(f.Listeners) > 0:
		return f.judgeElsewhere(a)
	case len(f.Taken) > 0:
		t := &f.Taken[0]
		return because(Application, "nobody listens on port %d, which is taken: it is the own end of a connection of %s to %s",
			port, t.Who, t.Remote).
			mendedBy("a server can have it when that has ended; %s", f.keepAway())
	}
	v := because(Application, "refused: nobody listens on port %d, at no address of this host", port).
		mendedBy("start the service, or look in its log and settings for the port that it has")
	if f.Port.ForClients() {
		v.Mend += "; the port is in the range that this system gives its clients: " + f.keepAway()
	}
	return v
}

// keepAway says how a server's port is kept from clients.
func (f *Facts) keepAway() string {
	if f.Port.ClientFirst == 0 {
		return "take another port, below those that the system gives its clients"
	}
	return fmt.Sprintf("take a port outside %d-%d, or reserve this one: sysctl net.ipv4.ip_local_reserved_ports=%d",
		f.Port.ClientFirst, f.Port.ClientLast, f.At.Port)
}

// judgeElsewhere is about a service that listens, and not where the client goes.
func (f *Facts) judgeElsewhere(a *Attempt) Verdict {
	l := &f.Listeners[0]
	addr := a.Addr.Addr()
	kind := "wrong address"
	if !slices.ContainsFunc(f.Listeners, func(l Listener) bool { return l.Local.Addr().Is4() == addr.Is4() }) {
		kind = "wrong family"
	}
	v := because(faultOf(l), "%s: %s listens at %s only, not at %s", kind, l.Who, f.where(), a.To)
	if a.Name == "localhost" {
		v = because(faultOf(l), "%s: localhost is %s here, and %s listens at %s only", kind, addr, l.Who, f.where())
	}
	at := l.Local
	if at.Addr().IsUnspecified() {
		at = netip.AddrPortFrom(loopback(at.Addr()), at.Port())
	}
	v = v.mendedBy("connect to %s, or let it listen at %s too", at, addr)
	if !addr.IsLoopback() {
		v.Mend += fmt.Sprintf(" (others in that network can then reach port %d)", f.At.Port)
	}
	return v
}

// judgeTimedOut tells apart a service that does not accept and packets that are lost.
func (f *Facts) judgeTimedOut(a *Attempt) Verdict {
	var v Verdict
	switch l := f.listener(a); {
	case !a.Own:
		return because(Network, "timed out: %s did not answer%s: the host is gone, or a firewall drops", a.To, notOurs(a)).
			mendedBy("'ping %[1]s' and 'ip route get %[1]s' tell whether it is there; then look at its firewall", a.Addr.Addr())
	case l != nil && l.Queue.Full():
		return because(faultOf(l), "timed out: %s does not accept: its accept queue at %s is full (%d wait, %d may)",
			l.Who, l.Local, l.Queue.Waiting, l.Queue.Most).
			mendedBy(hangs + "; a longer backlog helps only against bursts")
	case l != nil:
		v = because(Network, "timed out: %s listens at %s and its accept queue is not full, but nothing gets through to %s: "+
			"a firewall drops", l.Who, l.Local, a.To)
	default:
		v = because(Network, "timed out: a firewall drops what is sent to %s (where nobody listens the kernel refuses at once)",
			a.To)
	}
	return v.mendedBy("look for a drop of tcp port %d in 'nft list ruleset' (or 'iptables -S'), on the way in and out",
		f.At.Port)
}

// judgeNoAddress is about an address that this host does not have, or a family that it does not speak.
func (f *Facts) judgeNoAddress(a *Attempt) Verdict {
	if a.Addr.Addr().Is6() {
		return because(Network, "wrong family: this host has no IPv6 address from which to connect to %s (%s)", a.To, a.Error).
			mendedBy("connect to 127.0.0.1, or switch IPv6 on: sysctl net.ipv6.conf.all.disable_ipv6=0")
	}
	return because(Network, "this host has no address from which to connect to %s (%s)", a.To, a.Error).
		mendedBy("'ip address' shows those that it has; when all ports of clients are in use, close some connections")
}

// notOurs says that an address is another host's.
func notOurs(a *Attempt) string {
	if a.Own {
		return ""
	}
	return ", which is not an address of this host"
}
