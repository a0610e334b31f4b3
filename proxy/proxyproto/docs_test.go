package proxyproto

import (
	"os"
	"strings"
	"testing"

	"github.com/go-viper/mapstructure/v2"
	"go.yaml.in/yaml/v3"
)

// The configuration that docs/proxy-protocol.md shows is one.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/proxy-protocol.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, _ := strings.Cut(string(text), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	var doc struct {
		Services []struct {
			Header map[string]any `yaml:"proxy_protocol"`
		}
	}
	if err := yaml.Unmarshal([]byte(example), &doc); err != nil || len(doc.Services) != 1 {
		t.Fatalf("%d services: %v", len(doc.Services), err)
	}
	var s Settings
	d, err := mapstructure.NewDecoder(&mapstructure.DecoderConfig{
		ErrorUnused: true, Result: &s, DecodeHook: mapstructure.ComposeDecodeHookFunc(
			mapstructure.StringToTimeDurationHookFunc(), mapstructure.TextUnmarshallerHookFunc()),
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Decode(doc.Services[0].Header); err != nil {
		t.Fatal(err)
	}
	if r := reader(t, s.From); len(r.uids) != 1 || len(r.from.Zones) != 1 || s.Validate() != nil || len(s.Warnings()) != 0 {
		t.Errorf("%+v", s)
	}
}
