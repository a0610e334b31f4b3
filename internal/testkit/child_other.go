//go:build !linux

package testkit

import (
	"os"
	"os/exec"
	"testing"
)

func ownGroup(*exec.Cmd) {}

func killGroup(p *os.Process) { _ = p.Kill() }

// identity is a user that children may run as; here always the test's own.
type identity struct{}

func lookUp(testing.TB, string) identity { return identity{} }

func (identity) runs(cmd *exec.Cmd) *exec.Cmd { return cmd }

func (identity) owns(testing.TB, string) {}
