//go:build !unix

package history_test

import "errors"

func feed(string) error { return errors.New("only the test of kills does so") }
