//go:build linux

package machine

import (
	"os"
	"runtime"
	"strings"
	"syscall"
)

// About says what the figures were measured on, without a name of the machine.
type About struct {
	Kernel     string `json:"kernel"`
	CPU        string `json:"cpu"`
	Cores      int    `json:"cores"`
	Congestion string `json:"tcp_congestion_control"`
	Go         string `json:"go"`
}

// Describe describes this machine; what cannot be read is left empty.
func Describe() About {
	a := About{Cores: runtime.NumCPU(), Go: runtime.Version(), CPU: "unknown"}
	var u syscall.Utsname
	if syscall.Uname(&u) == nil {
		a.Kernel = text(u.Sysname[:]) + " " + text(u.Release[:]) + " " + text(u.Machine[:])
	}
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		a.CPU = model(string(b))
	}
	if b, err := os.ReadFile("/proc/sys/net/ipv4/tcp_congestion_control"); err == nil {
		a.Congestion = strings.TrimSpace(string(b))
	}
	return a
}

// model is the first "model name" of /proc/cpuinfo, which not every architecture has.
func model(cpuinfo string) string {
	for line := range strings.Lines(cpuinfo) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown"
}

// text is a string of C; its bytes are signed on some architectures.
func text[T int8 | uint8](chars []T) string {
	var b strings.Builder
	for _, c := range chars {
		if c == 0 {
			break
		}
		b.WriteByte(byte(c))
	}
	return b.String()
}
