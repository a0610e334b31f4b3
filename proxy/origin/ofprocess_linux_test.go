package origin

import (
	"context"
	"os"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

func TestOriginOfAProcess(t *testing.T) {
	forwarder := &flow.Forwarder{Name: "itself"}
	o, err := OfProcess(t.Context(), os.Getpid(), ResolverConfig{
		Forwarder: func(context.Context, *flow.Process) *flow.Forwarder { return forwarder },
	})
	if err != nil || o.PID != os.Getpid() || o.UID != uint32(os.Geteuid()) || o.Program == "" || o.Process.CommandLine == "" ||
		o.Process.User != o.User || o.Forwarder != forwarder {
		t.Errorf("%+v, %v", o, err)
	}
	if o, err := OfProcess(t.Context(), 1<<30, ResolverConfig{}); err == nil {
		t.Errorf("a process that is not: %+v", o)
	}
}
