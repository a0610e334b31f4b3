package journal

import (
	"unicode/utf8"

	"github.com/rs/zerolog"

	"github.com/lodoor/lodoor/proxy/flow"
)

// What is written at most of what a process says of itself, in bytes, and of those that hold a socket. At their worst
// all of them together are half a line: a byte that is not UTF-8 takes eight.
const (
	pathMax    = 4096 // PATH_MAX of Linux; a control group's path has no more
	nameMax    = 512
	holdersMax = 32
)

// origin writes origin, process and container. Of an origin that nothing is known of it writes nothing but that.
func (c *encoder) origin(e *zerolog.Event, r *flow.Record) {
	p, o := peerOf(r), r.Origin
	if p == nil && o == nil {
		return
	}
	d := e.CreateDict()
	if p != nil {
		d.Str("zone", p.Zone.String())
		d.Str("proof", p.Proof.String())
		c.str(d, "interface", p.Interface)
		if p.Conveyed != nil {
			d.Str("client_zone", p.Conveyed.Zone.String())
		}
	}
	if o != nil {
		d.Str("attribution", o.Attribution.String())
	}
	known := o != nil && o.Known()
	whole := r.Event != flow.EventSessionClose && r.Event != flow.EventOperation
	if known {
		c.str(d, "program", clip(o.Program, nameMax))
		c.forwarder(d, o.Forwarder, whole)
	}
	if known && whole {
		c.holders(d, o)
	}
	e.Dict("origin", d)
	if known {
		c.process(e, o, whole)
	}
}

// forwarder writes what is known of it. A close has what tells one kind from another.
func (c *encoder) forwarder(e *zerolog.Event, f *flow.Forwarder, whole bool) {
	if f == nil {
		return
	}
	d := e.CreateDict()
	c.str(d, "name", clip(f.Name, nameMax))
	flag(d, "own", f.Own)
	if f.Zone != flow.ZoneUnknown {
		d.Str("zone", f.Zone.String())
	}
	if whole {
		pid(d, f.PID)
		c.addrPort(d, f.Far)
		c.str(d, "reason", clip(f.Reason, nameMax))
	}
	e.Dict("forwarder", d)
}

// holders writes the processes that held the socket, and how many there are beyond those that find room.
func (c *encoder) holders(e *zerolog.Event, o *flow.Origin) {
	if len(o.Holders) == 0 {
		return
	}
	list := e.CreateArray()
	for _, p := range o.Holders[:min(len(o.Holders), holdersMax)] {
		d := e.CreateDict()
		pid(d, p.PID)
		c.str(d, "program", clip(p.Program, nameMax))
		c.otherUser(d, "user", p, o)
		list.Dict(d)
	}
	e.Array("held_by", list)
	count(e, "held_by_omitted", uint64(max(0, len(o.Holders)-holdersMax)))
}

// process writes process and container. The whole is long, and written once in a session.
func (c *encoder) process(e *zerolog.Event, o *flow.Origin, whole bool) {
	d := e.CreateDict()
	pid(d, o.PID)
	c.user(d, "user", o.UID, o.User)
	if p := o.Process; p != nil {
		c.otherUser(d, "effective_user", p, o)
		c.executable(d, &p.Executable, whole)
		if whole {
			c.circumstances(d, p)
		}
	}
	e.Dict("process", d)
	if o.Process != nil {
		c.container(e, &o.Process.Container, whole)
	}
}

func (c *encoder) user(e *zerolog.Event, key string, uid uint32, name string) {
	d := e.CreateDict()
	d.Uint32("id", uid)
	c.str(d, "name", clip(name, nameMax))
	e.Dict(key, d)
}

// otherUser writes a process's user when it is not the socket's owner.
func (c *encoder) otherUser(e *zerolog.Event, key string, p *flow.Process, o *flow.Origin) {
	if p.UID != o.UID || p.User != o.User {
		c.user(e, key, p.UID, p.User)
	}
}

func (c *encoder) executable(e *zerolog.Event, x *flow.Executable, whole bool) {
	if *x == (flow.Executable{}) || x.Path == "" && !whole {
		return
	}
	d := e.CreateDict()
	c.str(d, "path", clip(x.Path, pathMax))
	if whole {
		count(d, "device", x.Device)
		count(d, "inode", x.Inode)
		flag(d, "deleted", x.Deleted)
	}
	e.Dict("executable", d)
}

// circumstances writes how a process came to be, and what it belongs to.
func (c *encoder) circumstances(e *zerolog.Event, p *flow.Process) {
	if !p.Started.IsZero() {
		d := e.CreateDict()
		c.time(d, "time", p.Started)
		e.Dict("creation", d)
	}
	c.str(e, "command_line", clip(p.CommandLine, flow.CommandLineMax))
	c.str(e, "working_directory", clip(p.WorkingDirectory, pathMax))
	c.parents(e, p.Parents)
	if p.Cgroup != "" {
		d := e.CreateDict()
		c.str(d, "cgroup", clip(p.Cgroup, pathMax))
		e.Dict("linux", d)
	}
	c.str(e, "unit", clip(p.Unit, nameMax))
	if p.Session != 0 {
		d := e.CreateDict()
		pid(d, p.Session)
		e.Dict("session_leader", d)
	}
	c.str(e, "tty", clip(p.TTY, nameMax))
}

func (c *encoder) parents(e *zerolog.Event, parents []flow.Ancestor) {
	if len(parents) == 0 {
		return
	}
	list := e.CreateArray()
	for i := range parents[:min(len(parents), flow.ParentsMax)] {
		d := e.CreateDict()
		pid(d, parents[i].PID)
		c.str(d, "program", clip(parents[i].Program, nameMax))
		list.Dict(d)
	}
	e.Array("parents", list)
}

func (c *encoder) container(e *zerolog.Event, n *flow.Container, whole bool) {
	if *n == (flow.Container{}) || n.ID == "" && !whole {
		return
	}
	d := e.CreateDict()
	c.str(d, "id", clip(n.ID, nameMax))
	if whole && n.Runtime != "" {
		runtime := e.CreateDict()
		c.str(runtime, "name", clip(n.Runtime, nameMax))
		d.Dict("runtime", runtime)
	}
	e.Dict("container", d)
}

// pid writes a process's number; 0 is none.
func pid(e *zerolog.Event, n int) {
	if n != 0 {
		e.Int("pid", n)
	}
}

// clip is s when it has at most limit bytes, otherwise its beginning, with an ellipsis, in no more than that.
func clip(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	const ellipsis = "…"
	end := limit - len(ellipsis)
	for end > limit-len(ellipsis)-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + ellipsis
}
