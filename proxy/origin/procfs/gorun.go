package procfs

import (
	"debug/buildinfo"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/lodoor/lodoor/proxy/flow"
)

const (
	// buildInfoMax is how many bytes of an executable are read to learn what it was built from. It takes some thousand,
	// and more than 10,000 only in what is no Go program.
	buildInfoMax = 256 << 10
	// packageMax is how long a package's path may be, as long as a file's name (NAME_MAX).
	packageMax = 255
)

// program is what a person calls the process, as of [programOf], which does not look at what the executable holds.
func (d *Dir) program(exe, comm string, args []string) string {
	if name := d.goRun(exe); name != "" {
		return name
	}
	return programOf(exe, comm, args)
}

// goRun is "go run PACKAGE" of what the go command has built to be run, by what it wrote into the file, whose own name is
// only the last folder's. When go run was given files, it is "go run FILE" of the first, which the executable is called
// by. Empty when it is something else, or may not be read; a test goes by the name of its file.
func (d *Dir) goRun(exe string) string {
	exe = strings.TrimSuffix(exe, " (deleted)")
	name := fileName(exe)
	if !(&flow.Executable{Path: exe}).BuiltToRun() || strings.HasSuffix(name, ".test") {
		return ""
	}
	switch pkg, err := d.goPackage(); {
	case err != nil || pkg == "" || len(pkg) > packageMax:
		return ""
	case pkg == "command-line-arguments":
		return "go run " + name + ".go"
	default:
		return "go run " + pkg
	}
}

// goPackage is the path of the package main that the executable was built from.
func (d *Dir) goPackage() (string, error) {
	f, err := d.d.open("exe")
	if err != nil {
		return "", fmt.Errorf("executable of process %d: %w", d.pid, err)
	}
	defer f.Close()
	pkg, err := packageOf(f)
	if err != nil {
		return "", fmt.Errorf("executable of process %d: %w", d.pid, err)
	}
	return pkg, nil
}

// packageOf reads the path from an executable. Who made that may have written anything into it: only so much of it is
// read, and what the reader stumbles over is an error (debug/elf is not made for files that mean harm).
func packageOf(executable io.ReaderAt) (pkg string, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("read what it was built from: %v", r)
		}
	}()
	info, err := buildinfo.Read(&allowance{executable, buildInfoMax})
	if err != nil {
		return "", fmt.Errorf("read what it was built from: %w", err)
	}
	return info.Path, nil
}

// allowance is a reader that gives so many bytes and then no more.
type allowance struct {
	io.ReaderAt
	left int
}

var errAllowance = errors.New("more of it had to be read than is allowed")

func (a *allowance) ReadAt(p []byte, offset int64) (int, error) {
	if len(p) > a.left {
		return 0, errAllowance
	}
	a.left -= len(p)
	return a.ReaderAt.ReadAt(p, offset)
}
