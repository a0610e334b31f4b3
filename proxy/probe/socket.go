package probe

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/lodoor/lodoor/proxy/origin"
	"github.com/lodoor/lodoor/proxy/origin/procfs"
)

// Socket is the file of a Unix socket.
type Socket struct {
	// Abstract says that it has no file (unix(7)).
	Abstract bool `json:"abstract,omitempty"`
	// Exists says that there is something at the path. Kind is what: "socket", "regular file", "directory".
	Exists bool   `json:"exists"`
	Kind   string `json:"kind,omitempty"`
	// Mode, Owner and Group are of Barrier or, when there is none, of the path.
	Mode  string `json:"mode,omitempty"`
	Owner string `json:"owner,omitempty"`
	Group string `json:"group,omitempty"`
	// Barrier is the directory that this user may not pass; empty when there is none.
	Barrier string `json:"barrier,omitempty"`
	// Lacking is the first directory of the path that is not there.
	Lacking string `json:"lacking,omitempty"`
	// Elsewhere are paths of the same name at which somebody listens.
	Elsewhere []string `json:"elsewhere,omitempty"`
}

// socketOf looks at a path and at what leads to it.
func socketOf(path string, users *origin.Users) *Socket {
	if strings.HasPrefix(path, "@") {
		return &Socket{Abstract: true, Exists: true, Kind: "socket"}
	}
	s := &Socket{}
	switch info, err := os.Stat(path); {
	case err == nil:
		s.Exists, s.Kind = true, kindOf(info.Mode())
		s.owned(info, users)
	case errors.Is(err, fs.ErrPermission):
		s.Exists = true // as far as one can see
		s.Barrier = barrier(path)
		if info, err := os.Stat(s.Barrier); err == nil {
			s.owned(info, users)
		}
	default:
		s.Lacking = lacking(path)
	}
	return s
}

func (s *Socket) owned(info fs.FileInfo, users *origin.Users) {
	s.Mode = info.Mode().Perm().String()
	s.Owner, s.Group = ownerOf(info, users)
}

func kindOf(m fs.FileMode) string {
	switch {
	case m&fs.ModeSocket != 0:
		return "socket"
	case m.IsDir():
		return "directory"
	case m.IsRegular():
		return "regular file"
	default:
		return "special file"
	}
}

// barrier is the deepest directory above path that can still be seen: the one that may not be searched.
func barrier(path string) string {
	dir := filepath.Dir(path)
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	return dir
}

// lacking is the highest directory above path that is not there; empty when only the path itself is missing.
func lacking(path string) string {
	missing := ""
	for dir := filepath.Dir(path); dir != filepath.Dir(dir); dir = filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		missing = dir
	}
	return missing
}

// elsewhere finds listening sockets of the same name in other places.
func elsewhere(path string, proc procfs.FS) []string {
	all, _ := proc.UnixListeners() // none where the system does not tell
	var found []string
	for _, l := range all {
		if l.Path != path && filepath.Base(l.Path) == filepath.Base(path) && len(found) < 3 {
			found = append(found, l.Path)
		}
	}
	return found
}
