package alert

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func readDocs(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/alerts.md")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// section is what stands under a heading.
func section(text, heading string) string {
	_, rest, _ := strings.Cut(text, "\n## "+heading+"\n")
	body, _, _ := strings.Cut(rest, "\n## ")
	return body
}

// firstCells are the names in the first column of the tables in text, each once.
func firstCells(text string) []string {
	var names []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*`) \\|").FindAllStringSubmatch(text, -1) {
		for _, name := range regexp.MustCompile("`([^`]*)`").FindAllStringSubmatch(row[1], -1) {
			if !slices.Contains(names, name[1]) {
				names = append(names, name[1])
			}
		}
	}
	slices.Sort(names)
	return names
}

func TestDocsNameTheConditions(t *testing.T) {
	var want []string
	for _, b := range Builtins() {
		want = append(want, b.Name)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, firstCells(section(readDocs(t), "What is alerted"))); diff != "" {
		t.Errorf("docs/alerts.md (-code +docs):\n%s", diff)
	}
}

func TestDocsNameTheFields(t *testing.T) {
	want := append(whenBuiltins(), "inCIDR(address, range)")
	for _, f := range fields() {
		want = append(want, f.name)
	}
	slices.Sort(want)
	if diff := cmp.Diff(want, firstCells(section(readDocs(t), "Fields"))); diff != "" {
		t.Errorf("docs/alerts.md (-code +docs):\n%s", diff)
	}
}

// Each condition and window that the page shows is one.
func TestDocsShowWhatWorks(t *testing.T) {
	text := readDocs(t)
	whens := regexp.MustCompile(`(?m)^ +when: '(.*)'$`).FindAllStringSubmatch(text, -1)
	windows := regexp.MustCompile(`(?m)^ +window: (.*)$`).FindAllStringSubmatch(text, -1)
	if len(whens) < 3 || len(windows) < 2 {
		t.Fatalf("%d expressions and %d windows are shown", len(whens), len(windows))
	}
	for _, w := range whens {
		if _, problems := newOwn(Condition{Name: "x", When: w[1]}); len(problems) > 0 {
			t.Errorf("%s: %v", w[1], problems)
		}
	}
	for _, w := range windows {
		if _, problems := newOwn(Condition{Name: "x", When: "true", Window: w[1]}); len(problems) > 0 {
			t.Errorf("%s: %v", w[1], problems)
		}
	}
}
