package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"text/tabwriter"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin"
)

// portUse is a socket as who tells it to programs.
type portUse struct {
	Local       string           `json:"local"`
	Remote      string           `json:"remote,omitempty"` // not of a listener
	State       string           `json:"state"`
	Attribution flow.Attribution `json:"attribution"`
	Program     string           `json:"program,omitempty"`
	PID         int              `json:"pid,omitempty"`
	User        string           `json:"user,omitempty"`
	UID         *uint32          `json:"uid,omitempty"` // absent when not known
	CommandLine string           `json:"command_line,omitempty"`
	Forwarder   string           `json:"forwarder,omitempty"`
}

// port lists the sockets of a local port, the listeners first.
func (f *whoFlags) port(ctx context.Context, w io.Writer, port uint16) error {
	forwarders, err := origin.NewForwarders(origin.ForwardersConfig{})
	if err != nil {
		return err
	}
	all, err := origin.Connections(ctx, port, origin.ResolverConfig{Forwarder: forwarders.Of})
	if err != nil {
		return err
	}
	slices.SortFunc(all, func(a, b origin.Connection) int {
		return cmp.Or(order(a.Listening, b.Listening), order(a.Local.Port() == port, b.Local.Port() == port),
			a.Local.Compare(b.Local), a.Remote.Compare(b.Remote))
	})
	if f.json {
		return writePortJSON(w, all)
	}
	if len(all) == 0 {
		_, err := fmt.Fprintf(w, "nobody listens on port %d, and nobody is connected to it\n", port)
		return err
	}
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "LOCAL\tREMOTE\tSTATE\tWHO")
	for i := range all {
		c := &all[i]
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", c.Local, remoteOf(c), c.State, holderOf(&c.Origin))
	}
	return table.Flush()
}

// order puts true first.
func order(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	default:
		return 1
	}
}

func remoteOf(c *origin.Connection) string {
	if c.Listening {
		return "-"
	}
	return c.Remote.String()
}

// holderOf is who holds a socket; one that its process has left has nobody.
func holderOf(o *flow.Origin) string {
	if !o.Known() {
		return "nobody any more"
	}
	text := describeOrigin(o)
	if o.Forwarder != nil {
		text += ", which forwards"
	}
	return text
}

func writePortJSON(w io.Writer, all []origin.Connection) error {
	for i := range all {
		c := &all[i]
		o := &c.Origin
		u := portUse{
			Local: c.Local.String(), State: c.State, Attribution: o.Attribution, Program: o.Program, PID: o.PID, User: o.User,
		}
		if !c.Listening && c.Remote != (netip.AddrPort{}) {
			u.Remote = c.Remote.String()
		}
		if o.Known() {
			u.UID = &o.UID
		}
		if o.Process != nil {
			u.CommandLine = o.Process.CommandLine
		}
		if o.Forwarder != nil {
			u.Forwarder = o.Forwarder.Name
		}
		if err := writeJSON(w, u); err != nil {
			return err
		}
	}
	return nil
}
