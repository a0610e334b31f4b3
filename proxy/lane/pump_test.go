//go:build linux && !portable

package lane_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/lane"
	"github.com/lodoor/lodoor/proxy/lane/lanetest"
)

var update = flag.Bool("update", false, "write docs/pump.md")

const pumpHead = `# The pump beside a direct connection

What two programs see of each other over loopback TCP: connected directly, and with lodoor between them. "Service" is
the program behind the door. A test does each of these things directly and through both lanes, ` + "`loop` and `copy`" + `, and
writes this table (` + "`go test ./proxy/lane -run PumpTable -update`" + `); it fails when the table is no longer true, or when one
lane does not do as the other.

| what happens | direct connection | through lodoor | note |
|---|---|---|---|
`

const pumpFoot = `
Unix sockets have no reset and no urgent bytes. A reset that has to pass to a Unix socket closes it: the other end reads
the end of the stream, and its writes fail.

The table is Linux's. Elsewhere there is the copy lane only, and lodoor uses what Go's net package offers: a reset is noticed by the next read or write
only, urgent bytes are left to the system, and what was read before a reset is given a tenth of a second to arrive.

## With a gate

A service may have a gate, which judges what the client sends before the service gets any of it. Until it has seen
enough, bytes that it has not let pass are held, 64 KiB at most. The service's own bytes flow meanwhile. A gate that has
seen enough, or that lets everything pass, is not noticed: all of the table is true with it. Otherwise:

| what happens | service | client |
|---|---|---|
| the gate refuses what came | what passed before, or a part of it, then connection reset | connection reset |
| nothing of 64 KiB passes | the same | the same |
| client sends FIN, and something is still held when the gate has seen that | the same | the same |
| client sends what is refused, and FIN or a reset right behind it | the same | |
| client resets while bytes are held | what passed, then connection reset | |
| service resets while bytes are held | | connection reset |
| service sends FIN while bytes are held | | end of stream; what it sends afterwards goes to the gate as before |
| lodoor ends the session (kill, timeouts) while bytes are held | what passed, or a part of it, then connection reset | connection reset |

Bytes that are held when the session ends are dropped. They are counted: ` + "`session.bytes_from_client`" + ` is what was read
from the client, and of a session that did not end in order the service may have got less. A recording has them, too, so
that it shows the attack that was refused; the service did not get them.

A gate may also speak to the client itself, in place of a service that has said nothing yet (lodoor declines TLS so). What
it has answered goes no further, and is counted as read; what it says is counted nowhere.

| what happens | service | client |
|---|---|---|
| the gate answers what came first | what comes behind that | the answer, then what the service says |
| the service has spoken before | what passed before, or a part of it, then connection reset | connection reset |
| the service has sent FIN before, and nothing else | what comes behind that | end of stream, and no answer |
| client asks, and resets | connection reset | |
| client does not take the answer | what passed before, then connection reset | connection reset |

A gate is held to this by the lanes' common tests (` + "`proxy/lane/lanetest`" + `: gate.go, refuse.go, gaterandom.go, answer.go,
answerrandom.go).

## With a tap

A recording or a decoder sees what is read, and is told what was written; both ends notice nothing of it. Only a
recording that is told to lose nothing may stop a direction as long as it has no room. To both ends that is a receiver that
does not read: the sender is stopped, the other direction goes on, and timeouts go on counting. A reset is still noticed,
and passed at once when there is room again for what came before it, and after one second when there is not; what was not
read until then is lost.

A tap is held to this by room.go, and to the rest by tap.go and random.go.
`

// TestPumpTable does everything in the table directly and through the lanes, and compares docs/pump.md with it.
func TestPumpTable(t *testing.T) {
	var page bytes.Buffer
	page.WriteString(pumpHead)
	for _, b := range lanetest.Behaviours() {
		t.Run(b.Name, func(t *testing.T) {
			direct := b.See(t, lanetest.Direct(t, "tcp4"))
			through := b.See(t, lanetest.Through(t, "tcp4", loop(t, lane.LoopConfig{Loops: 1})))
			if other := b.See(t, lanetest.Through(t, "tcp4", newCopy(t))); other != through {
				t.Errorf("through loop: %s\nthrough copy: %s", through, other)
			}
			fmt.Fprintln(&page, row(b.Name, direct, through, b.Note))
		})
	}
	page.WriteString(pumpFoot)
	comparePage(t, filepath.Join("..", "..", "docs", "pump.md"), page.Bytes())
}

// row is one line of the table. What is seen through the lane is said only where it differs.
func row(name, direct, through, note string) string {
	if through == direct {
		through = "the same"
	}
	return "| " + strings.Join([]string{name, direct, through, note}, " | ") + " |"
}

func comparePage(t *testing.T, file string, page []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, page, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	old, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(old, page) {
		t.Errorf("%s is not what was seen; look at the difference, then write it with -update\n--- seen\n%s", file, page)
	}
}
