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
