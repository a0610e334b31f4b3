package journal

import (
	"reflect"

	"github.com/lodoor/lodoor/proxy/flow"
)

func (d *decoder) origin(w *wireRecord) *flow.Origin {
	if w.Origin == nil || w.Origin.Attribution == nil {
		return nil
	}
	o := &flow.Origin{Program: text(w.Origin.Program, w.Origin.ProgramRaw), Forwarder: d.forwarder(w.Origin.Forwarder)}
	d.word(&o.Attribution, *w.Origin.Attribution)
	if w.Process != nil {
		o.PID = w.Process.PID
		o.UID, o.User = userOf(w.Process.User, o)
	}
	o.Process = process(w, o)
	o.Holders = holders(w.Origin.HeldBy, o)
	return o
}

// userOf is a user, and the socket's owner when none is told.
func userOf(u *wireUser, o *flow.Origin) (uint32, string) {
	if u == nil {
		return o.UID, o.User
	}
	return u.ID, text(u.Name, u.NameRaw)
}

func (d *decoder) forwarder(w *wireForwarder) *flow.Forwarder {
	if w == nil {
		return nil
	}
	f := &flow.Forwarder{
		Name: text(w.Name, w.NameRaw), PID: w.PID, Own: w.Own, Far: d.addrPort(&w.wireAddress),
		Reason: text(w.Reason, w.ReasonRaw),
	}
	d.optional(&f.Zone, w.Zone)
	return f
}

func holders(list []wireHolder, o *flow.Origin) []*flow.Process {
	if len(list) == 0 {
		return nil
	}
	out := make([]*flow.Process, len(list))
	for i := range list {
		h := &list[i]
		if o.Process != nil && h.PID == o.PID {
			out[i] = o.Process
			continue
		}
		out[i] = &flow.Process{PID: h.PID, Program: text(h.Program, h.ProgramRaw)}
		out[i].UID, out[i].User = userOf(h.User, o)
	}
	return out
}

// process is nil when the record has no more of it than the origin says itself.
func process(w *wireRecord, o *flow.Origin) *flow.Process {
	if w.Process == nil && w.Container == nil {
		return nil
	}
	p := &flow.Process{Container: container(w.Container)}
	var effective *wireUser
	if w.Process != nil {
		w.Process.circumstances(p)
		effective = w.Process.EffectiveUser
	}
	if effective == nil && reflect.ValueOf(p).Elem().IsZero() {
		return nil
	}
	p.PID, p.Program = o.PID, o.Program
	p.UID, p.User = userOf(effective, o)
	return p
}

func (w *wireProcess) circumstances(p *flow.Process) {
	if x := w.Executable; x != nil {
		p.Executable = flow.Executable{Path: text(x.Path, x.PathRaw), Device: x.Device, Inode: x.Inode, Deleted: x.Deleted}
	}
	if w.Creation != nil {
		p.Started = w.Creation.Time
	}
	if w.Linux != nil {
		p.Cgroup = text(w.Linux.Cgroup, w.Linux.CgroupRaw)
	}
	if w.SessionLeader != nil {
		p.Session = w.SessionLeader.PID
	}
	for i := range w.Parents {
		a := &w.Parents[i]
		p.Parents = append(p.Parents, flow.Ancestor{PID: a.PID, Program: text(a.Program, a.ProgramRaw)})
	}
	p.CommandLine = text(w.CommandLine, w.CommandLineRaw)
	p.WorkingDirectory = text(w.WorkingDirectory, w.WorkingDirectoryRaw)
	p.Unit = text(w.Unit, w.UnitRaw)
	p.TTY = text(w.TTY, w.TTYRaw)
}

func container(w *wireContainer) flow.Container {
	if w == nil {
		return flow.Container{}
	}
	c := flow.Container{ID: text(w.ID, w.IDRaw)}
	if w.Runtime != nil {
		c.Runtime = text(w.Runtime.Name, w.Runtime.NameRaw)
	}
	return c
}
