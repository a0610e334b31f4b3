package export

import (
	"errors"
	"fmt"
	"path/filepath"
	"runtime"
)

// JournaldSettings are the part of the configuration about systemd's journal.
type JournaldSettings struct {
	Enabled bool `mapstructure:"enabled"`
	// Socket is where journald listens; "" is /run/systemd/journal/socket.
	Socket string `mapstructure:"socket"`
}

const journaldSocket = "/run/systemd/journal/socket"

// Validate says which keys have impossible values, one a line. It does not look for the socket.
func (s JournaldSettings) Validate() error {
	var errs []error
	if s.Enabled && runtime.GOOS != "linux" {
		errs = append(errs, fmt.Errorf("enabled: journald is a part of Linux, this is %s: expected false", runtime.GOOS))
	}
	if s.Socket != "" && !filepath.IsAbs(s.Socket) {
		errs = append(errs, fmt.Errorf("socket: %q: expected an absolute path, or nothing for %s", s.Socket, journaldSocket))
	}
	return errors.Join(errs...)
}

// JournaldConfig says what is exported, and whereto.
type JournaldConfig struct {
	Settings JournaldSettings
	From     From
}
