package floors

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

// TestFloors checks every package as it is built for each system: build tags hide imports.
func TestFloors(t *testing.T) {
	for _, system := range []string{"linux", "darwin", "windows"} {
		t.Run(system, func(t *testing.T) {
			packs := list(t, system)
			if len(packs) < 5 {
				t.Fatalf("go list knows only %d packages", len(packs))
			}
			for _, f := range lodoor().check(packs) {
				t.Error(f)
			}
		})
	}
}

// list asks the go command for the module's packages.
func list(t *testing.T, system string) []pack {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-buildvcs=false",
		"-json=ImportPath,Imports,TestImports,XTestImports", module+"/...")
	cmd.Env = append(os.Environ(), "GOOS="+system, "CGO_ENABLED=0")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, stderr.String())
	}
	var packs []pack
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p struct {
			ImportPath                         string
			Imports, TestImports, XTestImports []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return packs
		} else if err != nil {
			t.Fatal(err)
		}
		packs = append(packs, pack{p.ImportPath, p.Imports, slices.Concat(p.TestImports, p.XTestImports)})
	}
}

// TestCheck breaks each rule once, and shows what is no breach.
func TestCheck(t *testing.T) {
	for _, tc := range []struct {
		name, from, to string
		test           bool
		want           rule
	}{
		{name: "flow and the standard library", from: "proxy/flow", to: "net/netip"},
		{name: "flow and a library", from: "proxy/flow", to: "github.com/rs/zerolog", want: ruleStandard},
		{name: "flow and ours", from: "proxy/flow", to: "+rules", want: ruleStandard},
		{name: "down", from: "rules", to: "+proxy/flow"},
		{name: "down several", from: "cmd/lodoor", to: "+proxy/flow"},
		{name: "a library anywhere else", from: "rules", to: "github.com/expr-lang/expr"},
		{name: "up", from: "logsink/journal", to: "+logsink", want: ruleUp},
		{name: "up from lane to proxy", from: "proxy/lane", to: "+proxy", want: ruleUp},
		{name: "up to cmd", from: "configs", to: "+cmd/lodoor", want: ruleUp},
		{name: "neighbours", from: "logsink/pcapng", to: "+proxy/lane", want: ruleBeside},
		{name: "neighbours of the second floor", from: "logsink/alert", to: "+logsink/terminal", want: ruleBeside},
		{name: "a parent its child", from: "proxy/origin", to: "+proxy/origin/sockdiag"},
		{name: "a parent its child, not of a room", from: "logsink", to: "+logsink/terminal"},
		{name: "a child its parent", from: "proxy/origin/procfs", to: "+proxy/origin", want: ruleBeside},
		{name: "a name that only begins alike", from: "rules", to: "+logsinks/other"},
		{name: "a child seen from above", from: "proxy/peer", to: "+proxy/origin/sockdiag"},
		{name: "proxy and flow", from: "proxy", to: "+proxy/flow"},
		{name: "proxy and lane", from: "proxy", to: "+proxy/lane"},
		{name: "proxy and the journal", from: "proxy", to: "+logsink/journal", want: rulePorts},
		{name: "proxy and its own child", from: "proxy", to: "+proxy/peer", want: rulePorts},
		{name: "rules and logsink", from: "rules", to: "+logsink/journal", want: ruleApart},
		{name: "logsink and rules", from: "logsink/alert", to: "+rules", want: ruleApart},
		{name: "exposure and alerts", from: "rules/exposure", to: "+logsink/alert", want: ruleApart},
		{name: "peer and the journal", from: "proxy/peer", to: "+logsink/journal", want: ruleApart},
		{name: "settings", from: "configs", to: "+logsink/alert"},
		{name: "a new package", from: "proxy/cache", to: "fmt", want: ruleUnknown},
		{name: "test support in code", from: "cmd/lodoor", to: "+internal/testkit", want: ruleTestOnly},
		{name: "a suite in code", from: "proxy", to: "+proxy/lane/lanetest", want: ruleTestOnly},
		{name: "test support and ours", from: "internal/testkit", to: "+proxy/flow", want: ruleUp},
		{name: "a suite and its package", from: "proxy/lane/lanetest", to: "+proxy/lane"},
		{name: "a suite and what is below", from: "proxy/lane/lanetest", to: "+proxy/flow"},
		{name: "a suite and a stranger", from: "proxy/lane/lanetest", to: "+rules", want: ruleUp},
		{name: "a suite and the kit", from: "proxy/lane/lanetest", to: "+internal/testkit"},
		{name: "test support in a test", from: "rules", to: "+internal/testkit", test: true},
		{name: "a neighbour in a test", from: "logsink/pcapng", to: "+proxy/lane", test: true},
		{name: "the package itself in its test", from: "rules", to: "+rules", test: true},
		{name: "up in a test", from: "logsink/journal", to: "+proxy", test: true, want: ruleUp},
		{name: "a library in flow's test", from: "proxy/flow", to: "pgregory.net/rapid", test: true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			p := pack{path: module + "/" + tc.from}
			imported := strings.Replace(tc.to, "+", module+"/", 1)
			if tc.test {
				p.testCode = []string{imported}
			} else {
				p.code = []string{imported}
			}
			var got rule
			if found := lodoor().check([]pack{p}); len(found) > 0 {
				got = found[0].rule
			}
			if got != tc.want {
				t.Errorf("%s imports %s: %q, want %q", tc.from, tc.to, got, tc.want)
			}
		})
	}
}

// TestLinterKnowsTheRooms holds the linter's rules beside this table: each package that exists is in both.
func TestLinterKnowsTheRooms(t *testing.T) {
	raw, err := os.ReadFile("../../.golangci.yml")
	if err != nil {
		t.Fatal(err)
	}
	var config struct {
		Linters struct {
			Settings struct {
				Depguard struct {
					Rules map[string]struct{ Files []string }
				}
			}
		}
	}
	if err := yaml.Unmarshal(raw, &config); err != nil {
		t.Fatal(err)
	}
	var globs []string
	for _, r := range config.Linters.Settings.Depguard.Rules {
		globs = append(globs, r.Files...)
	}
	for _, room := range lodoor().rooms() {
		if room == "cmd/..." || room == "bench/..." {
			continue // the top floor may import everything
		}
		glob := "**/" + strings.Replace(room+"/*.go", "/.../*.go", "/**.go", 1)
		if !slices.Contains(globs, glob) {
			t.Errorf(".golangci.yml: no depguard rule has the files %s", glob)
		}
	}
}
