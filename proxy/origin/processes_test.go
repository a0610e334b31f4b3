package origin

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
)

func TestProcessesAreBounded(t *testing.T) {
	c := newProcesses()
	for pid := range processesMax + 50 {
		c.found(&holder{process: &flow.Process{PID: pid}})
		if pid == processesMax-1 {
			c.found(c.get(3, procfs.Stamp{})) // which makes it one of the last
		}
	}
	if n := c.order.Len(); n != processesMax || len(c.byPID) != n {
		t.Errorf("%d processes in order, %d by number", n, len(c.byPID))
	}
	if c.get(3, procfs.Stamp{}) == nil || c.get(2, procfs.Stamp{}) != nil {
		t.Error("it is not the oldest that went")
	}
	if diff := cmp.Diff([]int{7, processesMax + 49, processesMax + 48}, c.recent([]int{7}, 2)); diff != "" {
		t.Error(diff)
	}
	c.forget(processesMax + 49)
	c.forget(processesMax + 49)
	if diff := cmp.Diff([]int{processesMax + 48}, c.recent(nil, 1)); diff != "" || len(c.byPID) != processesMax-1 {
		t.Error(diff)
	}
}
