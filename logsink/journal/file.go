package journal

import "os"

// file is a segment being written. It is a seam: tests put disks that fail behind it.
type file interface {
	// Write appends with one write(2).
	Write(p []byte) (int, error)
	// Sync makes what was written survive the death of the machine.
	Sync() error
	// Truncate cuts the file to size.
	Truncate(size int64) error
	Close() error
}

// opener opens a file for appending. With os.O_EXCL in flag it creates it.
type opener func(path string, flag int) (file, error)

func openOS(path string, flag int) (file, error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_APPEND|flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

type osFile struct{ *os.File }

// Sync leaves out what is not needed to read the data again.
func (f osFile) Sync() error { return syncData(f.File) }
