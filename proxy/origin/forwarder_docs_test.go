package origin

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocsListForwarders holds docs/forwarders.md and the table together.
func TestDocsListForwarders(t *testing.T) {
	text, err := os.ReadFile("../../docs/forwarders.md")
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for _, r := range ForwarderTable() {
		far := r.Far
		switch {
		case r.Own:
			far = "own"
		case far == "":
			far = "unknown"
		}
		want = append(want, fmt.Sprintf("| `%s` | `%s` | %s | %s |", r.Name, strings.Join(r.Programs, "`, `"), far, r.Why))
	}
	_, list, _ := strings.Cut(string(text), "\n## The list\n")
	list, _, _ = strings.Cut(list, "\n## ")
	got := regexp.MustCompile("(?m)^\\| `.*$").FindAllString(list, -1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("docs/forwarders.md (-code +docs):\n%s", diff)
	}
}
