package control

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// suffix ends the names of control sockets.
const suffix = ".sock"

// pathMax is how long the path of a Unix socket may be on every system (sun_path, unix(7), unix(4)).
const pathMax = 103

// Dir is where a door puts its socket: $RUNTIME_DIRECTORY (systemd.exec(5)), lodoor below $XDG_RUNTIME_DIR, below /run
// for root, or a folder of the user's own among the temporary ones.
func Dir() string { return dirs()[0] }

// dirs are where the doors of this user, or of the system, can have put their sockets, the place of a door that is
// started now first. The environment of a door need not be that of the command which looks for it: where the door may
// have been told of another place, or of none, those are in the list, too. Only a unit of systemd that has a place of
// its own means the doors there alone: its ExecReload is not for others.
func dirs() []string {
	if dir := os.Getenv("RUNTIME_DIRECTORY"); dir != "" {
		return []string{filepath.SplitList(dir)[0]}
	}
	var all []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		all = append(all, filepath.Join(dir, "lodoor"))
	}
	uid := os.Geteuid()
	if uid < 0 { // Windows: temporary folders are the user's own
		return append(all, filepath.Join(os.TempDir(), "lodoor"))
	}
	system, login := "/run/lodoor", filepath.Join("/run/user", strconv.Itoa(uid), "lodoor")
	if uid == 0 {
		return append(all, system, login)
	}
	temporary := "lodoor-" + strconv.Itoa(uid)
	return append(all, filepath.Join(os.TempDir(), temporary), filepath.Join("/tmp", temporary), login, system)
}

// pathOf is the socket of an instance in dir. A name that would make the path too long is cut, and told apart by a hash.
func pathOf(dir, instance string) string {
	path := filepath.Join(dir, instance+suffix)
	if len(path) <= pathMax {
		return path
	}
	sum := sha256.Sum256([]byte(instance))
	tail := "-" + hex.EncodeToString(sum[:8]) + suffix
	keep := max(0, pathMax-len(dir)-1-len(tail))
	return filepath.Join(dir, instance[:min(keep, len(instance))]+tail)
}

// makeDir makes the directory of the sockets, and sees to it that nobody else can put one there.
func makeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make %s: %w", dir, err)
	}
	return checkOwner(dir, false)
}
