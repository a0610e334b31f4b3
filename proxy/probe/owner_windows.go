package probe

import (
	"io/fs"

	"github.com/lodoor/lodoor/proxy/origin"
)

// ownerOf knows nothing: files there have access lists.
func ownerOf(fs.FileInfo, *origin.Users) (owner, group string) { return "", "" }
