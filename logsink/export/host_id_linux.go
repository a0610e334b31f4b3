package export

import (
	"bytes"
	"encoding/hex"
	"os"
)

func hostID() string { return machineID("/etc/machine-id", "/var/lib/dbus/machine-id") }

// machineID is the first of these files that has an identifier: 32 hexadecimal digits. Others may be empty, or say
// "uninitialized" until the first boot is over, machine-id(5).
func machineID(paths ...string) string {
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		id := bytes.TrimSpace(text)
		if raw, err := hex.DecodeString(string(id)); err == nil && len(raw) == 16 {
			return string(bytes.ToLower(id))
		}
	}
	return ""
}
