package export

import (
	"os"
	"path/filepath"
	"testing"
)

func TestMachineID(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	const id = "3d1219c7c4c5404aaa1f6d2a48adfda4"
	good := file("good", id+"\n")
	for _, tc := range []struct {
		name  string
		paths []string
		want  string
	}{
		{"the first", []string{good, file("second", "00000000000000000000000000000001\n")}, id},
		{"upper case", []string{file("upper", "3D1219C7C4C5404AAA1F6D2A48ADFDA4")}, id},
		{"first boot", []string{file("first", "uninitialized\n"), good}, id},
		{"empty", []string{file("empty", ""), good}, id},
		{"too short", []string{file("short", "3d12"), good}, id},
		{"missing", []string{filepath.Join(dir, "none")}, ""},
	} {
		if got := machineID(tc.paths...); got != tc.want {
			t.Errorf("%s: got %q, want %q", tc.name, got, tc.want)
		}
	}
}

func TestThisHost(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	if h := ThisHost(); h.Name != name || h.ID != machineID("/etc/machine-id", "/var/lib/dbus/machine-id") {
		t.Errorf("got %+v", h)
	}
}
