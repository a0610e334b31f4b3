//go:build !linux

package alert

import "time"

// sinceBoot is a clock that runs while the machine is suspended, too: none that is known on this system.
func sinceBoot() (time.Duration, bool) { return 0, false }
