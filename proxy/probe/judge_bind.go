package probe

import "net/netip"

// judgeBinds is about a server that wants the port: the first address that it cannot have.
func (f *Facts) judgeBinds() Verdict {
	free := ""
	for i := range f.Binds {
		b := &f.Binds[i]
		if b.Outcome == NoAddress && len(f.Binds) > 1 {
			continue // a host without IPv6 has one of the two
		}
		if b.Outcome != Bound {
			return f.judgeBind(b)
		}
		if free != "" {
			free += " and "
		}
		free += b.To.String()
	}
	v := because(OK, "a server of this user can take %s", free)
	if f.Port.ForClients() {
		v.Cause += "; but now and then a client may have it, since it is in the range that this system gives its clients: " +
			f.keepAway()
	}
	return v
}

func (f *Facts) judgeBind(b *Bind) Verdict {
	switch first := f.Port.FreeFrom; b.Outcome {
	case InUse:
		return f.judgeInUse(b)
	case NotPermitted:
		return because(Application, "permission: a server of this user may not take %s: ports below %d need a privilege",
			b.To, first).
			mendedBy("take a port from %d upward, or give the server CAP_NET_BIND_SERVICE (AmbientCapabilities= of its unit, "+
				"setcap), or lower sysctl net.ipv4.ip_unprivileged_port_start", first)
	case NoAddress:
		return because(Network, "%s is not an address of this host", b.To.Addr()).
			mendedBy("'ip address' shows those that it has")
	default:
		return because(Network, "taking %s failed (%s)", b.To, b.Error).mendedBy("look up that error of bind(2)")
	}
}

func (f *Facts) judgeInUse(b *Bind) Verdict {
	if l := f.inTheWay(b.To.Addr()); l != nil {
		v := because(faultOf(l), "in use: %s listens at %s, and %s cannot be taken", l.Who, l.Local, b.To)
		if l.PID == 0 {
			return v.mendedBy("stop it, or take another port")
		}
		return v.mendedBy("stop it (pid %d; when a unit or container started it, stop that), or take another port", l.PID)
	}
	if len(f.Taken) > 0 {
		t := &f.Taken[0]
		return because(Application, "in use: %s is the own end of a connection of %s to %s (%s)",
			b.To, t.Who, t.Remote, t.State).
			mendedBy("wait until that has ended; %s", f.keepAway())
	}
	return because(Application, "in use: %s is bound by a socket that does not listen; its process is not known", b.To).
		mendedBy("take another port, or find it with 'ss -tanp'")
}

// inTheWay is a listener that keeps others from an address.
func (f *Facts) inTheWay(a netip.Addr) *Listener {
	if l := f.listenerAt(a); l != nil {
		return l
	}
	for i := range f.Listeners {
		if l := &f.Listeners[i]; a.IsUnspecified() && l.Local.Addr().Is4() == a.Is4() {
			return l
		}
	}
	return nil
}
