package procfs

import (
	"os"
	"testing"
)

func TestDescribeItself(t *testing.T) {
	d, err := New("").Open(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	p, err := d.Describe(Options{})
	if err != nil || p.PID != os.Getpid() || p.UID != uint32(os.Geteuid()) || len(p.Parents) == 0 {
		t.Fatalf("%+v, %v", p, err)
	}
	if exe, _ := os.Executable(); p.Executable.Path != exe || p.Executable.Inode == 0 {
		t.Errorf("executable %+v; want %s", p.Executable, exe)
	}
	t.Logf("%+v", p)
}
