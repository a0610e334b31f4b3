package pcapng_test

import (
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// The tables of gopacket/layers are filled at every start of the program, recording or not; pcapgo imports them. The
// root package costs next to nothing.
func TestImports(t *testing.T) {
	cmd := exec.CommandContext(t.Context(), "go", "list", "-buildvcs=false", "-deps", ".")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, stderr.String())
	}
	var got []string
	for path := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(path, "github.com/google/") {
			got = append(got, path)
		}
	}
	if want := []string{"github.com/google/gopacket"}; !slices.Equal(got, want) {
		t.Errorf("the package is built with %q, want %q", got, want)
	}
}
