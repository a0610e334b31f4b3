package export

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
)

// TestNATSChainScript runs the script of docs/export.md over what a stream has, and over what somebody changed in it.
func TestNATSChainScript(t *testing.T) {
	python := testkit.Program(t, "python3")
	doc, err := os.ReadFile("../../docs/export.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(doc), "```python\n")
	script, _, found := strings.Cut(rest, "```")
	if !found {
		t.Fatal("docs/export.md has no script")
	}
	s := startNATS(t, "")
	d := openNATSDoor(t, t.TempDir(), newTestNATS(t, s.settings()))
	d.append(t, 5)
	d.stop()
	var lines []string
	for _, r := range s.read()[d.ID()] {
		lines = append(lines, r.sent)
	}
	if got := natsScript(t, python, script, lines); got != "" {
		t.Errorf("of an untouched stream it says %q", got)
	}
	changed := slices.Clone(lines)
	changed[2] = strings.Replace(changed[2], `"source":"flags"`, `"source":"other"`, 1)
	for name, list := range map[string][]string{"changed": changed, "removed": slices.Delete(slices.Clone(lines), 2, 3)} {
		if got := natsScript(t, python, script, list); !strings.HasPrefix(got, "broken at") || strings.Count(got, "\n") != 1 {
			t.Errorf("%s: it says %q", name, got)
		}
	}
}

func natsScript(t *testing.T, python, script string, lines []string) string {
	t.Helper()
	cmd := exec.Command(python, "-c", script)
	cmd.Stdin = strings.NewReader(strings.Join(lines, "\n") + "\n")
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return string(out)
}
