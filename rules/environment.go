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
	Peer    peerEnvironment   `expr:"peer"`
	Front   frontEnvironment  `expr:"front"`
	Client  clientEnvironment `expr:"client"`
	Service string            `expr:"service"`

	User     string `expr:"user"`
	UID      int    `expr:"uid"`
	UIDKnown bool   `expr:"uid_known"`

	// Process is one of those that may speak on the connection, and is there when an expression uses it.
	Process       *processEnvironment `expr:"process"`
	Forwarder     string              `expr:"forwarder"`
	ForwarderZone string              `expr:"forwarder_zone"`
	ForwarderOwn  bool                `expr:"forwarder_own"`
	Attribution   string              `expr:"attribution"`

	Hour    int       `expr:"hour"`
	Minute  int       `expr:"minute"`
	Weekday string    `expr:"weekday"`
	Time    time.Time `expr:"time"`

	ProcessKnown      bool `expr:"process known"`
	ProcessUserKnown  bool `expr:"process user known"`
	ProcessGroupKnown bool `expr:"process group known"` // its control group, with its unit and container
	ForwarderKnown    bool `expr:"forwarder known"`
	AttributionKnown  bool `expr:"attribution known"`
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

// fill sets every field from f but for the process; the environment is used again and again.
func (e *environment) fill(f *flow.Facts, zone *time.Location) {
	now := f.Time.In(zone)
	*e = environment{
		Peer: peerEnvironment{
			Address: addressText(f.Peer.Addr), Port: int(f.Peer.Addr.Port()), Zone: f.Peer.Zone.String(),
			Interface: f.Peer.Interface, Local: f.Peer.Local(),
		},
		Front:   frontEnvironment{addressText(f.Peer.Front), int(f.Peer.Front.Port()), f.Peer.Path},
		Service: f.Service,
		Process: e.Process,
		Hour:    now.Hour(), Minute: now.Minute(), Weekday: strings.ToLower(now.Weekday().String()), Time: now,
	}
	e.Client = clientEnvironment{e.Peer.Address, e.Peer.Port, e.Peer.Zone}
	if c := f.Peer.Conveyed; c != nil {
		e.Client = clientEnvironment{addressText(c.Client), int(c.Client.Port()), clientZone(&f.Peer).String()}
	}
	e.fillOrigin(&f.Origin, f.Sought)
}

func (e *environment) fillOrigin(o *flow.Origin, sought bool) {
	if known(o) {
		e.User, e.UID, e.UIDKnown = o.User, int(o.UID), true
	}
	e.ForwarderKnown = forwarderKnown(o)
	if c := o.Forwarder; c != nil {
		e.Forwarder, e.ForwarderZone, e.ForwarderOwn = c.Name, c.Zone.String(), c.Own
	}
	e.Attribution, e.AttributionKnown = o.Attribution.String(), sought || processKnown(o)
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
