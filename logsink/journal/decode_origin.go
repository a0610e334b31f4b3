package journal

import (
	"reflect"

	"github.com/lodoor/lodoor/proxy/flow"
)

func (d *decoder) origin(w *wireRecord) *flow.Origin {
	v := w.Origin.get()
	if v == nil || !v.Attribution.present {
		return nil
	}
	o := &flow.Origin{Program: text(v.Program, v.ProgramRaw), Forwarder: d.forwarder(v.Forwarder.get())}
	d.word(&o.Attribution, v.Attribution.value)
	if p := w.Process.get(); p != nil {
		o.PID = p.PID
		o.UID, o.User = userOf(p.User.get(), o)
	}
	o.Process = process(w, o)
	o.Holders = holders(v.HeldBy, o)
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
		out[i].UID, out[i].User = userOf(h.User.get(), o)
	}
	return out
}

// process is nil when the record has no more of it than the origin says itself.
func process(w *wireRecord, o *flow.Origin) *flow.Process {
	if !w.Process.present && !w.Container.present {
		return nil
	}
	p := &flow.Process{Container: container(w.Container.get())}
	w.Process.value.circumstances(p)
	effective := w.Process.value.EffectiveUser.get()
	if effective == nil && reflect.ValueOf(p).Elem().IsZero() {
		return nil
	}
	p.PID, p.Program = o.PID, o.Program
	p.UID, p.User = userOf(effective, o)
	return p
}

func (w *wireProcess) circumstances(p *flow.Process) {
	if x := w.Executable.get(); x != nil {
		p.Executable = flow.Executable{Path: text(x.Path, x.PathRaw), Device: x.Device, Inode: x.Inode, Deleted: x.Deleted}
	}
	p.Started = w.Creation.value.Time
	p.Cgroup = text(w.Linux.value.Cgroup, w.Linux.value.CgroupRaw)
	p.Session = w.SessionLeader.value.PID
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
	c.Runtime = text(w.Runtime.value.Name, w.Runtime.value.NameRaw)
	return c
}
