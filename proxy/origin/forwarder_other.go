//go:build !linux

package origin

import (
	"context"
	"errors"

	"github.com/lodoor/lodoor/proxy/flow"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
)

// socketsOf fails: far ends are looked for on Linux only.
func socketsOf(context.Context, procfs.FS, *flow.Process) (held, error) {
	return held{}, errors.ErrUnsupported
}

// wordsOf is what was kept of the command line.
func wordsOf(_ procfs.FS, p *flow.Process) []string { return fields(p) }
