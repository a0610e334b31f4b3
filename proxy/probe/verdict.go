package probe

import "fmt"

// Class is where the culprit is to be looked for.
type Class string

// The classes.
const (
	OK          Class = "ok"
	Network     Class = "network"     // address, route or firewall: between client and socket
	Rule        Class = "rule"        // a door's rules do not let this client in
	Door        Class = "door"        // a door itself
	Application Class = "application" // the service, or whoever was to be it
)

// Verdict is what the facts come to.
type Verdict struct {
	Class Class `json:"class"`
	// Cause is a clause. Mend is what to do, empty when all is well.
	Cause string `json:"cause"`
	Mend  string `json:"mend,omitempty"`
}

// String is the last line of what is told.
func (v Verdict) String() string {
	if v.Mend == "" {
		return fmt.Sprintf("%s: %s", v.Class, v.Cause)
	}
	return fmt.Sprintf("%s: %s; mend: %s", v.Class, v.Cause, v.Mend)
}

// because begins a verdict with the cause.
func because(class Class, cause string, args ...any) Verdict {
	return Verdict{Class: class, Cause: fmt.Sprintf(cause, args...)}
}

// mendedBy adds what to do.
func (v Verdict) mendedBy(mend string, args ...any) Verdict {
	v.Mend = fmt.Sprintf(mend, args...)
	return v
}

// Judge says what the facts come to: the first thing that a client would be stopped by.
func Judge(f *Facts) Verdict {
	switch {
	case f.Binds != nil:
		return f.judgeBinds()
	case f.Socket != nil:
		return f.judgeSocket()
	case len(f.Attempts) == 0 && f.Unresolved != "":
		return because(Network, "%s", f.Unresolved).
			mendedBy("check the spelling, /etc/hosts and /etc/resolv.conf, or give the address itself")
	case len(f.Attempts) == 0:
		return because(Network, "there is no address to try").mendedBy("give an address")
	}
	a := &f.Attempts[0] // what a client takes that tries no other
	switch {
	case a.Good():
		return because(OK, "%s answers at %s%s", f.who(a), a.To, said(a))
	case a.Outcome == Connected:
		return f.judgeConnected(a)
	default:
		return f.judgeUnconnected(a)
	}
}

func said(a *Attempt) string {
	if a.Greeting == "" {
		return ""
	}
	return fmt.Sprintf(" and says %q", a.Greeting)
}

// who is whoever listens where an attempt went.
func (f *Facts) who(a *Attempt) string {
	if l := f.listener(a); l != nil {
		return l.Who
	}
	if !a.Own {
		return "another host"
	}
	return "somebody unknown"
}

// listener is who is known to listen where an attempt went; nil when nobody is.
func (f *Facts) listener(a *Attempt) *Listener {
	switch {
	case a.Addr.IsValid() && a.Own:
		return f.listenerAt(a.Addr.Addr().WithZone(""))
	case !a.Addr.IsValid() && len(f.Listeners) > 0:
		return &f.Listeners[0]
	}
	return nil
}

// faultOf is the class of a fault of whoever listens.
func faultOf(l *Listener) Class {
	if l != nil && l.isDoor() {
		return Door
	}
	return Application
}
