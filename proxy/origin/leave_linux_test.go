package origin

import (
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/lodoor/lodoor/proxy/origin/sockdiag"
)

// Of thousands of clients that leave at once none is taken for another.
func TestClientsThatLeaveAreNeverConfused(t *testing.T) {
	clients := 300
	if os.Getenv("LODOOR_SOAK") != "" {
		clients = 3000
	}
	r := running(t, ResolverConfig{})
	l := listen(t, "tcp4", "127.0.0.1:0")
	d, err := sockdiag.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // nothing was written

	var group sync.WaitGroup
	var tally struct{ silent, unknown, right, stayed atomic.Int32 }
	group.Go(func() {
		for range clients {
			c, err := l.Accept()
			if err != nil {
				t.Error(err)
				return
			}
			group.Go(func() {
				defer c.Close()
				lead, known := lookUp(d, c)
				w := newWaiter()
				r.Seek(lead, known, time.Now().Add(patient), w)
				pid, o := whoSays(c), <-w
				switch {
				case pid == 0:
					tally.silent.Add(1) // its reset was quicker than we
				case o.Process == nil:
					tally.unknown.Add(1)
				case o.PID != pid || o.Holders != nil:
					t.Errorf("client %d is taken for %+v", pid, o)
				default:
					tally.right.Add(1)
				}
			})
		}
	})
	ways := []string{"fin", "reset", "fin", "reset", "last"}
	places := make(chan struct{}, 32)
	for i := range clients {
		places <- struct{}{}
		group.Go(func() {
			defer func() { <-places }()
			start(t, uint32(os.Geteuid()), "leave", l.Addr().String(), ways[i%len(ways)]).end()
		})
	}
	group.Wait()
	t.Logf("of %d clients %d were found, %d were not, %d did not say who they are", clients, tally.right.Load(),
		tally.unknown.Load(), tally.silent.Load())
	if stayed := int32(clients / len(ways)); tally.right.Load() < stayed {
		t.Errorf("%d clients stayed until they were found, and only %d were", stayed, tally.right.Load())
	}
}
