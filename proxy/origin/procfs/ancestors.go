package procfs

import (
	"slices"

	"github.com/lodoor/lodoor/proxy/flow"
)

// ancestors are the processes that d descends from, from its parent on. A number names a parent only as long as the
// child says so: when the parent ends, the child gets another. So it is asked again when the parent is open.
func (p FS) ancestors(d *Dir, ppid int) []flow.Ancestor {
	var chain []flow.Ancestor
	child := d
	known := func(a flow.Ancestor) bool { return a.PID == ppid }
	for ppid > 0 && ppid != d.pid && !slices.ContainsFunc(chain, known) && len(chain) < flow.ParentsMax {
		parent, err := p.Open(ppid)
		if err != nil {
			break
		}
		defer parent.Close() // at most ParentsMax
		now, err := child.stat()
		if err != nil || now.ppid != ppid {
			break
		}
		f, err := parent.face()
		if err != nil {
			break
		}
		args, _ := parent.arguments()
		chain = append(chain, flow.Ancestor{PID: ppid, Program: parent.program(f.exe, f.comm, args)})
		child, ppid = parent, f.ppid
	}
	return chain
}
