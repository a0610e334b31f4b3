package flow

import (
	"path"
	"strings"
)

// BuiltToRun says whether the go command has built the file to be run at once: by go run, go tool or go test. Such a file
// lies in the folder of that one build, go-buildN, or in the build cache: go-build, or another folder that has it at
// xx/HASH-d/NAME. It goes by the path, where anybody may put anything.
func (x *Executable) BuiltToRun() bool {
	folders := strings.Split(path.Dir(strings.ReplaceAll(x.Path, `\`, "/")), "/")
	for _, name := range folders {
		if number, ok := strings.CutPrefix(name, "go-build"); ok && strings.Trim(number, "0123456789") == "" {
			return true
		}
	}
	hash, ok := strings.CutSuffix(folders[len(folders)-1], "-d")
	const sum = 64 // SHA-256
	return ok && len(hash) == sum && strings.Trim(hash, "0123456789abcdef") == "" &&
		len(folders) > 1 && folders[len(folders)-2] == hash[:2]
}
