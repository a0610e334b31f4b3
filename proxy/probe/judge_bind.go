package probe

import (
	"fmt"
	"net/netip"
)

// judgeBinds is about a server that wants the port: the first address that it cannot have.
func (f *Facts) judgeBinds() Verdict {
	taken := ""
	for i := range f.Binds {
		b := &f.Binds[i]
		if b.Outcome == NoAddress && len(f.Binds) > 1 {
			continue // a host without IPv6 has one of the two
		}
		if b.Outcome != Bound {
			return f.judgeBind(b)
		}
		if taken != "" {
			taken += " and "
		}
		taken += b.To.String()
	}
	v := Verdict{OK, "a server of this user can take " + taken, ""}
	if f.Port.ForClients() {
		v.Cause += "; but now and then a client may have it, since it is in the range that this system gives its clients: " + f.keepAway()
	}
	return v
}

func (f *Facts) judgeBind(b *Bind) Verdict {
	switch b.Outcome {
	case InUse:
		return f.judgeInUse(b)
	case NotPermitted:
		return Verdict{Application, fmt.Sprintf("permission: a server of this user may not take %s: ports below %d need a privilege", b.To, f.Port.FreeFrom),
			fmt.Sprintf("take a port from %d upward, or give the server CAP_NET_BIND_SERVICE (AmbientCapabilities= of its unit, setcap), "+
				"or lower sysctl net.ipv4.ip_unprivileged_port_start", f.Port.FreeFrom)}
	case NoAddress:
		return Verdict{Network, fmt.Sprintf("%s is not an address of this host", b.To.Addr()), "'ip address' shows those that it has"}
	default:
		return Verdict{Network, fmt.Sprintf("taking %s failed (%s)", b.To, b.Error), "look up that error of bind(2)"}
	}
}

func (f *Facts) judgeInUse(b *Bind) Verdict {
	if l := f.inTheWay(b.To.Addr()); l != nil {
		stop := "stop it"
		if l.PID != 0 {
			stop = fmt.Sprintf("stop it (pid %d; when a unit or container started it, stop that)", l.PID)
		}
		return Verdict{faultOf(l), fmt.Sprintf("in use: %s listens at %s, and %s cannot be taken", l.Who, l.Local, b.To), stop + ", or take another port"}
	}
	if len(f.Taken) > 0 {
		t := &f.Taken[0]
		return Verdict{Application, fmt.Sprintf("in use: %s is the own end of a connection of %s to %s (%s)", b.To, t.Who, t.Remote, t.State),
			"wait until that has ended; " + f.keepAway()}
	}
	return Verdict{Application, fmt.Sprintf("in use: %s is bound by a socket that does not listen, and whose process is not known", b.To),
		"take another port, or find it with 'ss -tanp'"}
}

// inTheWay is a listener that keeps others from an address.
func (f *Facts) inTheWay(a netip.Addr) *Listener {
	if l := f.listenerAt(a); l != nil {
		return l
	}
	for i := range f.Listeners {
		if l := &f.Listeners[i]; a.IsUnspecified() && (a.Is6() || l.Local.Addr().Is4()) {
			return l
		}
	}
	return nil
}
