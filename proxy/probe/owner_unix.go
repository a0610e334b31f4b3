//go:build unix

package probe

import (
	"io/fs"
	"os/user"
	"strconv"
	"syscall"

	"github.com/lodoor/lodoor/proxy/origin"
)

// ownerOf names a file's user and group, by number where they have no name.
func ownerOf(info fs.FileInfo, users *origin.Users) (owner, group string) {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return "", ""
	}
	owner, group = users.Name(stat.Uid), strconv.FormatUint(uint64(stat.Gid), 10)
	if owner == "" {
		owner = "uid " + strconv.FormatUint(uint64(stat.Uid), 10)
	}
	if g, err := user.LookupGroupId(group); err == nil {
		group = g.Name
	}
	return owner, group
}
