package procfs

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
)

// A program that the go command runs is called by its package, whether it was built now or lay in the build cache; its
// children have it for a parent under that name.
func TestGoRun(t *testing.T) {
	dir := t.TempDir()
	const text = `package main

import (
	"fmt"
	"os"
	"os/exec"
)

func main() {
	child := exec.Command("cat")
	child.Stdin = os.Stdin
	if err := child.Start(); err != nil {
		panic(err)
	}
	fmt.Println(os.Getpid(), child.Process.Pid)
	_ = child.Wait()
}
`
	for name, content := range map[string]string{"go.mod": "module example.com/shop\n\ngo 1.24\n", "main.go": text, "cmd/load/x.go": text} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(content), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct{ argument, want string }{
		{".", "go run example.com/shop"},
		{".", "go run example.com/shop"}, // from the cache, since Go 1.24
		{"./cmd/load", "go run example.com/shop/cmd/load"},
		{"main.go", "go run main.go"},
	} {
		cmd := exec.Command(testkit.Program(t, "go"), "run", "-buildvcs=false", tc.argument)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=", "GOTOOLCHAIN=local", "GOPROXY=off")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		c := testkit.Start(t, cmd)
		testkit.Wait(t, "the program", func() bool { return strings.Contains(c.Stdout(), "\n") || c.Exited() }, 2*time.Minute)
		var pid, child int
		if _, err := fmt.Sscan(c.Stdout(), &pid, &child); err != nil {
			t.Fatalf("go run %s: %v\n%s", tc.argument, err, c.Stderr())
		}
		p := describe(t, pid)
		if p.Program != tc.want || !p.Executable.BuiltToRun() {
			t.Errorf("%s: %q, want %q", p.Executable.Path, p.Program, tc.want)
		}
		if p, err := New("").Process(pid); err != nil || p.Program != tc.want {
			t.Errorf("in short %+v, %v; want %q", p, err, tc.want)
		}
		if p := describe(t, child); len(p.Parents) < 2 || p.Parents[0].Program != tc.want || p.Parents[1].Program != "go" {
			t.Errorf("%+v; want the parent %q", p.Parents, tc.want)
		}
		_ = stdin.Close()
		c.Wait(20 * time.Second)
	}
}

// What lies where the go command builds may be anything.
func TestGoRunOfOtherFiles(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	whole, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	tr := newTree(t)
	built := filepath.Join(tr.root, "go-build1", "b001", "exe")
	tr.must(os.MkdirAll(built, 0o700))
	named := func(name string, content []byte) string {
		t.Helper()
		path := filepath.Join(built, name)
		tr.must(os.WriteFile(path, content, 0o700))
		tr.process(7, 1, 0, "x", path)
		defer func() { tr.must(os.RemoveAll(filepath.Join(tr.root, "7"))) }()
		p, err := open(t, New(tr.root), 7).Describe(Options{})
		tr.must(err)
		return p.Program
	}
	const pkg = "go run github.com/lodoor/lodoor/proxy/origin/procfs.test"
	if got := named("shop", whole); got != pkg {
		t.Errorf("a Go program is %q, want %q", got, pkg)
	}
	if got := named("shop.test", whole); got != "shop.test" {
		t.Errorf("a test is %q", got)
	}
	for _, n := range []int{0, 4, 64, 100, 1000, 4096, 100_000} {
		if got := named("shop", whole[:n]); got != "shop" {
			t.Errorf("the first %d bytes of a Go program are %q", n, got)
		}
	}
	python, err := os.ReadFile(testkit.Program(t, "python3"))
	tr.must(err)
	if got := named("shop", python); got != "shop" {
		t.Errorf("what is no Go program is %q", got)
	}
}

// An executable that is not as it ought to be has another package or none, and nothing else comes of it.
func TestPackageOfBrokenExecutables(t *testing.T) {
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	const pkg = "github.com/lodoor/lodoor/proxy/origin/procfs.test"
	if got, err := packageOf(bytes.NewReader(b)); got != pkg || err != nil {
		t.Fatalf("%q, %v", got, err)
	}
	sections := int(binary.LittleEndian.Uint64(b[40:])) // e_shoff
	information := bytes.Index(b, []byte("\xff Go buildinf:"))
	broken := 0
	for _, part := range []int{0, sections, information} {
		for at := part; at < min(part+2048, len(b)); at++ {
			b[at] ^= 0xff
			if got, err := packageOf(bytes.NewReader(b)); err != nil && got != "" {
				t.Errorf("with another byte at %d: %q, %v", at, got, err)
			} else if got != pkg {
				broken++
			}
			b[at] ^= 0xff
		}
	}
	if broken == 0 {
		t.Error("nothing was broken")
	}
	if got, err := packageOf(stumbling{}); got != "" || err == nil || !strings.Contains(err.Error(), "out of range") {
		t.Errorf("%q, %v", got, err)
	}
}

// stumbling is read with a mistake.
type stumbling struct{}

func (stumbling) ReadAt(p []byte, _ int64) (int, error) { return int(p[len(p)]), nil }

func TestAllowance(t *testing.T) {
	a := &allowance{strings.NewReader("0123456789"), 6}
	p := make([]byte, 4)
	if n, err := a.ReadAt(p, 2); n != 4 || err != nil || string(p) != "2345" {
		t.Errorf("%q, %v", p[:n], err)
	}
	if n, err := a.ReadAt(p, 2); n != 0 || !errors.Is(err, errAllowance) {
		t.Errorf("%d bytes, %v", n, err)
	}
	if n, err := a.ReadAt(p[:2], 8); n != 2 || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}
