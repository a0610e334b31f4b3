package export

import (
	"os"

	"github.com/lodoor/lodoor/proxy/flow"
)

// ThisHost is the machine that this process runs on: host.name as os.Hostname tells it, and host.id as OpenTelemetry's
// semantic conventions for hosts find it (machine-id(5) on Linux, IOPlatformUUID on macOS, MachineGuid on Windows).
// What is not known is empty. On macOS it starts a program and takes some milliseconds, two seconds at most.
func ThisHost() flow.Host {
	name, err := os.Hostname()
	if err != nil {
		name = "" // a machine without a name is left nameless
	}
	return flow.Host{Name: name, ID: hostID()}
}
