//go:build !linux

package procfs

import (
	"errors"
	"os"
)

// descriptor is an open directory /proc/PID, which only Linux has.
type descriptor int

const here = descriptor(-1)

func openDescriptor(string) (descriptor, error) { return 0, errors.ErrUnsupported }

func (descriptor) close() {}

func (descriptor) read(string, int) ([]byte, error) { return nil, errors.ErrUnsupported }

func (descriptor) open(string) (*os.File, error) { return nil, errors.ErrUnsupported }

func (descriptor) link(string) (string, error) { return "", errors.ErrUnsupported }

// file is what names a file, and whom it belongs to.
type file struct {
	device, inode uint64
	owner         uint32
}

func (descriptor) stat(string) (file, error) { return file{}, errors.ErrUnsupported }

func (descriptor) findSocket(string) (string, error) { return "", errors.ErrUnsupported }

func (descriptor) isSocket(_, _ string) bool { return false }

func sinceBoot() (nanoseconds int64, err error) { return 0, errors.ErrUnsupported }
