package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/lodoor/lodoor/configs"
	"github.com/lodoor/lodoor/logsink/terminal"
	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
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
	// ForwarderZone and ForwarderAddress are those of its far end; absent when not known.
	ForwarderZone    *flow.Zone `json:"forwarder_zone,omitempty"`
	ForwarderAddress string     `json:"forwarder_address,omitempty"`
}

// howToLook is what the configuration says about programs. One that is wrong is an error when it was named, and
// otherwise only told: who looks at a port may have another worry.
func (f *whoFlags) howToLook(errs io.Writer) (how origin.ResolverConfig, err error) {
	c := configs.Default()
	switch loaded, err := configs.Load(configs.LoadOptions{File: f.config}); {
	case err == nil:
		c = loaded.Config
	case f.config != "":
		return how, configError(err)
	default:
		why := terminal.Visible(strings.ReplaceAll(err.Error(), "\n", "; "))
		fmt.Fprintln(errs, "lodoor: warning: the configuration is not used, and forwarders of its own are not known:", why)
	}
	forwarders, err := origin.NewForwarders(origin.ForwardersConfig{Extra: c.Forwarders, Zone: zoneNow})
	return origin.ResolverConfig{
		Process: procfs.Options{CommandLine: c.Privacy.CommandLine}, Forwarder: forwarders.Of,
	}, err
}

// port lists the sockets of a local port, the listeners first.
func (f *whoFlags) port(ctx context.Context, w io.Writer, port uint16, how origin.ResolverConfig) error {
	all, err := origin.Connections(ctx, port, how)
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
	if c := o.Forwarder; c != nil {
		text += ", forwarder " + terminal.Visible(c.Name) + " for " + beyond(c)
	}
	return text
}

func (u *portUse) tellForwarder(f *flow.Forwarder) {
	u.Forwarder = f.Name
	if f.Zone != flow.ZoneUnknown {
		u.ForwarderZone = &f.Zone
	}
	if f.Far.IsValid() {
		u.ForwarderAddress = f.Far.Addr().String()
	}
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
		if c := o.Forwarder; c != nil {
			u.tellForwarder(c)
		}
		if err := writeJSON(w, u); err != nil {
			return err
		}
	}
	return nil
}
