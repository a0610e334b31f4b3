//go:build !linux

package journal

import "os"

// allocate takes size bytes of the file system for f.
func allocate(f *os.File, size int64) error { return zeros(f, size) }
