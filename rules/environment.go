package rules

import (
	"net/netip"
	"strings"
	"time"

	"github.com/lodoor/lodoor/proxy/flow"
)

// environment is what an expression sees. docs/rules.md lists it, and a test holds the two together. Names with a space
// cannot be written: they are for the guards.
type environment struct {
	always
	Client clientEnvironment `expr:"client"`

	// Process is one of those that may speak on the connection, and is there when an expression uses it.
	Process       *processEnvironment `expr:"process"`
	Forwarder     string              `expr:"forwarder"`
	ForwarderZone string              `expr:"forwarder_zone"`
	ForwarderOwn  bool                `expr:"forwarder_own"`
	Attribution   string              `expr:"attribution"`

	ProcessKnown      bool `expr:"process known"`
	ProcessUserKnown  bool `expr:"process user known"`
	ProcessGroupKnown bool `expr:"process group known"` // its control group, with its unit and container
	ForwarderKnown    bool `expr:"forwarder known"`
	AttributionKnown  bool `expr:"attribution known"`
}

// always is what is filled for every expression.
type always struct {
	Peer     peerEnvironment  `expr:"peer"`
	Front    frontEnvironment `expr:"front"`
	Service  string           `expr:"service"`
	User     string           `expr:"user"`
	UID      int              `expr:"uid"`
	UIDKnown bool             `expr:"uid_known"`
	Hour     int              `expr:"hour"`
	Minute   int              `expr:"minute"`
	Weekday  string           `expr:"weekday"`
	Time     time.Time        `expr:"time"`
}

type peerEnvironment struct {
	Address   string `expr:"address"`
	Port      int    `expr:"port"`
	Zone      string `expr:"zone"`
	Interface string `expr:"interface"`
	Local     bool   `expr:"local"`
}

type frontEnvironment struct {
	Address string `expr:"address"`
	Port    int    `expr:"port"`
	Path    string `expr:"path"`
}

type clientEnvironment struct {
	Address string `expr:"address"`
	Port    int    `expr:"port"`
	Zone    string `expr:"zone"`
}

type processEnvironment struct {
	PID         int      `expr:"pid"`
	Program     string   `expr:"program"`
	Executable  string   `expr:"executable"`
	CommandLine string   `expr:"command_line"`
	CWD         string   `expr:"cwd"`
	Cgroup      string   `expr:"cgroup"`
	Unit        string   `expr:"unit"`
	Container   string   `expr:"container"`
	Runtime     string   `expr:"runtime"`
	TTY         string   `expr:"tty"`
	User        string   `expr:"user"`
	UID         int      `expr:"uid"`
	Parents     []string `expr:"parents"`
}

// fill sets the fields from f that every expression may have; the environment is used again and again.
func (e *environment) fill(f *flow.Facts, zone *time.Location) {
	now := f.Time.In(zone)
	e.always = always{
		Peer: peerEnvironment{
			Address: addressText(f.Peer.Addr), Port: int(f.Peer.Addr.Port()), Zone: f.Peer.Zone.String(),
			Interface: f.Peer.Interface, Local: f.Peer.Local(),
		},
		Front:   frontEnvironment{addressText(f.Peer.Front), int(f.Peer.Front.Port()), f.Peer.Path},
		Service: f.Service,
		Hour:    now.Hour(), Minute: now.Minute(), Weekday: strings.ToLower(now.Weekday().String()), Time: now,
	}
	if known(&f.Origin) {
		e.User, e.UID, e.UIDKnown = f.Origin.User, int(f.Origin.UID), true
	}
}

// fillMore sets the fields of some kinds, but for the process. Expressions that do not have them do not pay for them.
func (e *environment) fillMore(f *flow.Facts, kinds uses) {
	if kinds&usesClient != 0 {
		e.Client = clientEnvironment{e.Peer.Address, e.Peer.Port, e.Peer.Zone}
		if c := f.Peer.Conveyed; c != nil {
			e.Client = clientEnvironment{addressText(c.Client), int(c.Client.Port()), clientZone(&f.Peer).String()}
		}
	}
	if kinds&usesSearch == 0 {
		return
	}
	o := &f.Origin
	e.ProcessKnown, e.ProcessUserKnown, e.ProcessGroupKnown = false, false, false
	e.ForwarderKnown, e.AttributionKnown = forwarderKnown(o), f.Sought || processKnown(o)
	e.Attribution = o.Attribution.String()
	e.Forwarder, e.ForwarderZone, e.ForwarderOwn = "", "", false
	if c := o.Forwarder; c != nil {
		e.Forwarder, e.ForwarderZone, e.ForwarderOwn = c.Name, c.Zone.String(), c.Own
	}
}

// enter makes p the process that the expression sees.
func (e *environment) enter(p *flow.Process) {
	parents := e.Process.Parents[:0]
	for _, a := range p.Parents {
		parents = append(parents, a.Program)
	}
	executable := p.Executable.Path
	if p.Executable.Deleted { // another file may have that path now
		executable = ""
	}
	*e.Process = processEnvironment{
		PID: p.PID, Program: p.Program, Executable: executable, CommandLine: p.CommandLine, CWD: p.WorkingDirectory,
		Cgroup: p.Cgroup, Unit: p.Unit, Container: p.Container.ID, Runtime: p.Container.Runtime, TTY: p.TTY,
		User: p.User, UID: int(p.UID), Parents: parents,
	}
	e.ProcessKnown = true
	e.ProcessUserKnown = p.UID != 0 || p.User != "" // what is not known is 0, and root has a name
	e.ProcessGroupKnown = containerKnown(p)
}

func addressText(a netip.AddrPort) string {
	if !a.IsValid() {
		return ""
	}
	return plain(a.Addr()).String()
}
