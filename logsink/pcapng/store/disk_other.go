//go:build !linux

package store

import "os"

// disk is a file on it. What is written to it is copied before.
type disk struct{ *os.File }
