package gate

import (
	"os"
	"strings"
	"testing"

	"github.com/go-viper/mapstructure/v2"
	"go.yaml.in/yaml/v3"
)

// The configuration that docs/gate.md shows is one.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/gate.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	var doc struct {
		Services []struct {
			Name, Protocol string
			HTTP           map[string]any `yaml:"http"`
		}
	}
	if err := yaml.Unmarshal([]byte(example), &doc); err != nil || len(doc.Services) != 2 {
		t.Fatalf("%d services: %v", len(doc.Services), err)
	}
	for _, s := range doc.Services {
		var settings Settings
		d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{ErrorUnused: true, Result: &settings})
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Decode(s.HTTP); err != nil {
			t.Error(err)
		}
		if g, err := New(Config{Protocol: s.Protocol, Service: s.Name, Settings: settings}); g == nil || err != nil {
			t.Errorf("%s: %v, %v", s.Name, g, err)
		}
	}
}
