package journal

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// DefaultDir is where the journal of an instance is kept: in $STATE_DIRECTORY (systemd's), otherwise for root in
// /var/lib/lodoor, otherwise in $XDG_STATE_HOME/lodoor (~/.local/state/lodoor), and there in journal/INSTANCE.
func DefaultDir(instance string) (string, error) {
	if instance == "" || instance == "." || instance == ".." || strings.ContainsAny(instance, `/\`+"\x00") {
		return "", fmt.Errorf("instance %q cannot be the name of a directory", instance)
	}
	base := stateDir()
	if base == "" {
		return "", errors.New("neither STATE_DIRECTORY, XDG_STATE_HOME nor HOME is set")
	}
	return filepath.Join(base, "journal", instance), nil
}

// systemState is root's.
const systemState = "/var/lib/lodoor"

// stateDir is where lodoor keeps what has to stay; empty when there is no place for this user.
func stateDir() string {
	switch service := serviceState(); {
	case service != "":
		return service
	case os.Geteuid() == 0:
		return systemState
	default:
		return userState()
	}
}

// serviceState is the first folder that systemd has made for a unit.
func serviceState() string {
	first, _, _ := strings.Cut(os.Getenv("STATE_DIRECTORY"), string(filepath.ListSeparator))
	return first
}

func userState() string {
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "lodoor")
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "state", "lodoor")
}

// Dirs lists the journals of all instances that this user would write, and those of the system that it may read. Where
// STATE_DIRECTORY is set it is the only place.
func Dirs() ([]string, error) {
	bases := []string{serviceState()}
	if bases[0] == "" {
		bases = []string{userState(), systemState}
	}
	var found []string
	for _, base := range bases {
		if base == "" {
			continue
		}
		dirs, err := journalsIn(filepath.Join(base, "journal"))
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, dirs...)
	}
	slices.Sort(found)
	return slices.Compact(found), nil
}

// journalsIn lists the directories below base that have a segment.
func journalsIn(base string) ([]string, error) {
	entries, err := os.ReadDir(base)
	if err != nil {
		return nil, err
	}
	var dirs []string
	for _, e := range entries {
		dir := filepath.Join(base, e.Name())
		if segments, err := listSegments(dir); err == nil && len(segments) > 0 {
			dirs = append(dirs, dir)
		}
	}
	return dirs, nil
}
