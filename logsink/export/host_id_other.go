//go:build !linux && !darwin && !windows

package export

import (
	"os"
	"strings"
)

// hostID is where the BSDs keep it.
func hostID() string {
	text, err := os.ReadFile("/etc/hostid")
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}
