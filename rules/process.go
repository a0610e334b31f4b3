package rules

import (
	"slices"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

// processKnown says whether it is known which processes speak on the connection.
func processKnown(o *flow.Origin) bool {
	return o.Attribution >= flow.AttributionLiveSocket && (o.Process != nil || len(o.Holders) > 0)
}

// wanting is the answer of a condition on a process that is not known: it has to be looked for, unless it was.
func wanting(f *flow.Facts) answer {
	if f.Sought {
		return unknown
	}
	return pending
}

// asksProcess says whether the rule can need the process.
func (r *rule) asksProcess() bool {
	return r.namesProcess() || r.carriage.given || r.when.uses(usesSearch)
}

// namesProcess says whether the rule has one of the lists on the process itself.
func (r *rule) namesProcess() bool {
	return len(r.executables)+len(r.programs)+len(r.units) > 0 || len(r.Containers) > 0
}

// byProcess asks of all processes that may speak on the connection. When only some match, which one speaks matters, and
// nobody knows.
func (r *rule) byProcess(f *flow.Facts) answer {
	switch {
	case !r.namesProcess():
		return yes
	case !processKnown(&f.Origin):
		return wanting(f)
	}
	return ofAll(&f.Origin, r.ofProcess)
}

// ofAll is the answer that all processes agree on, otherwise unknown.
func ofAll(o *flow.Origin, ask func(*flow.Process) answer) answer {
	if len(o.Holders) == 0 {
		return ask(o.Process)
	}
	processes := o.Processes()
	all := ask(processes[0])
	for _, p := range processes[1:] {
		if ask(p) != all {
			return unknown
		}
	}
	return all
}

func (r *rule) ofProcess(p *flow.Process) answer {
	return min(r.byExecutable(p), r.byProgram(p), r.byContainer(p), r.byUnit(p))
}

// byExecutable compares paths. A file that is gone is not known: another one may have its path now.
func (r *rule) byExecutable(p *flow.Process) answer {
	path := p.Executable.Path
	switch {
	case len(r.executables) == 0:
		return yes
	case path == "":
		return unknown
	case !slices.ContainsFunc(r.executables, func(e pattern) bool { return e.matches(path) }):
		return no
	case p.Executable.Deleted:
		return unknown
	}
	return yes
}

func (r *rule) byProgram(p *flow.Process) answer {
	switch {
	case len(r.programs) == 0:
		return yes
	case p.Program == "":
		return unknown
	}
	return sure(slices.ContainsFunc(r.programs, func(e pattern) bool { return e.matches(p.Program) }))
}

// byUnit is no for a process without a unit. Unit and container are read off the control group.
func (r *rule) byUnit(p *flow.Process) answer {
	switch {
	case len(r.units) == 0:
		return yes
	case p.Unit == "" && p.Cgroup == "":
		return unknown
	}
	return sure(p.Unit != "" && slices.ContainsFunc(r.units, func(e pattern) bool { return e.matches(p.Unit) }))
}

func (r *rule) byContainer(p *flow.Process) answer {
	switch {
	case len(r.Containers) == 0:
		return yes
	case !containerKnown(p):
		return unknown
	}
	return sure(r.containers.matches(p.Container))
}

// containerKnown says whether it is known in which container the process is, none included.
func containerKnown(p *flow.Process) bool { return p.Cgroup != "" || p.Container != flow.Container{} }

// containers is a compiled list of containers.
type containers struct {
	any, none bool
	runtimes  []string
	ids       []string // their starts
}

func (c *containers) matches(in flow.Container) bool {
	if in == (flow.Container{}) {
		return c.none
	}
	return c.any || slices.Contains(c.runtimes, in.Runtime) ||
		slices.ContainsFunc(c.ids, func(start string) bool { return strings.HasPrefix(in.ID, start) })
}
