package export

import (
	"context"
	"os/exec"
	"strings"
	"time"
)

// idTimeout is long beside what ioreg(8) needs.
const idTimeout = 2 * time.Second

func hostID() string {
	ctx, cancel := context.WithTimeout(context.Background(), idTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "/usr/sbin/ioreg", "-rd1", "-c", "IOPlatformExpertDevice").Output()
	if err != nil {
		return ""
	}
	return platformUUID(string(out))
}

// platformUUID finds `"IOPlatformUUID" = "…"` in what ioreg prints.
func platformUUID(out string) string {
	_, rest, _ := strings.Cut(out, `"IOPlatformUUID" = "`)
	id, _, found := strings.Cut(rest, `"`)
	if !found {
		return ""
	}
	return id
}
