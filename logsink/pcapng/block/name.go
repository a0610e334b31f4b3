package block

import (
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"
)

// FileName is what a recording's file is called: SERVICE-YYYYMMDDTHHMMSSZ[-LABEL][-N].pcapng[.zst][.age], with a dot
// before it and .part-KEY behind it while it is written.
type FileName struct {
	// Service is what PlainService makes of the service's name.
	Service string
	Began   time.Time // in whole seconds
	// Label says why it was made: the alert of a black box. Letters, digits and _ after a letter.
	Label string
	// N tells files apart that began in the same second; 0 for the first, then from 2.
	N                     int
	Compressed, Encrypted bool
	// Key is of a file that is not finished, and random: no two of them have one name, whoever writes them. Letters and
	// digits.
	Key string
}

// Unfinished says whether the file is being written, or was left by a crash.
func (n FileName) Unfinished() bool { return n.Key != "" }

const (
	extension, zstExtension, ageExtension, partExtension = ".pcapng", ".zst", ".age", ".part-"

	stampLayout = "20060102T150405Z"
)

func (n FileName) String() string {
	var b strings.Builder
	if n.Unfinished() {
		b.WriteByte('.')
	}
	b.WriteString(n.Service + "-" + n.Began.UTC().Format(stampLayout))
	if n.Label != "" {
		b.WriteString("-" + n.Label)
	}
	if n.N > 1 {
		fmt.Fprintf(&b, "-%d", n.N)
	}
	b.WriteString(extension)
	for _, part := range []struct {
		is   bool
		text string
	}{{n.Compressed, zstExtension}, {n.Encrypted, ageExtension}, {n.Unfinished(), partExtension + n.Key}} {
		if part.is {
			b.WriteString(part.text)
		}
	}
	return b.String()
}

// ParseFileName reads the name of a file without its directory; ok is false when it is not one that lodoor gives.
func ParseFileName(name string) (n FileName, ok bool) {
	rest, key, _ := strings.Cut(name, partExtension)
	n.Key = key
	rest, n.Encrypted = strings.CutSuffix(rest, ageExtension)
	rest, n.Compressed = strings.CutSuffix(rest, zstExtension)
	rest, ok = strings.CutSuffix(rest, extension)
	if n.Unfinished() {
		rest = strings.TrimPrefix(rest, ".")
	}
	words := strings.Split(rest, "-")
	for i := len(words) - 1; ok && i > 0; i-- {
		began, err := time.Parse(stampLayout, words[i])
		if err != nil {
			continue
		}
		n.Service, n.Began = strings.Join(words[:i], "-"), began
		n.tail(words[i+1:])
		return n, n.String() == name && PlainService(n.Service) == n.Service
	}
	return FileName{}, false
}

// tail takes what stands behind the time. What it cannot be makes another name of it, which ParseFileName sees.
func (n *FileName) tail(words []string) {
	if len(words) > 0 {
		if number, err := strconv.Atoi(words[len(words)-1]); err == nil {
			n.N, words = number, words[:len(words)-1]
		}
	}
	n.Label = strings.Join(words, "-")
}

// IsRecording says whether a file's name ends as those of recordings do, whoever gave it.
func IsRecording(name string) bool {
	name = strings.TrimSuffix(strings.TrimSuffix(name, ageExtension), zstExtension)
	return path.Ext(name) == extension
}

// PlainService makes of a service's name something that is a plain file name everywhere.
func PlainService(service string) string {
	const most = 100
	name := strings.Map(func(r rune) rune {
		switch {
		case r >= '0' && r <= '9', r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z', r == '-', r == '_', r == '.':
			return r
		}
		return '_'
	}, service)
	if name = strings.TrimLeft(name, "."); name == "" {
		name = "service"
	}
	return name[:min(len(name), most)]
}
