package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/configs"
)

func TestExportWarnings(t *testing.T) {
	file := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(file, []byte("Authorization: s3cr3t\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	to := configs.Default().Export
	to.OTLP.Endpoint, to.OTLP.HeadersFile = "http://otel.example:4318", file
	to.Syslog.Address = "udp://log.example"
	to.NATS.Servers, to.NATS.TokenFile = []string{"nats://nats.example:4222"}, file
	for _, journal := range []bool{true, false} {
		warnings, err := exportWarnings(&to, journal)
		if err != nil {
			t.Fatal(err)
		}
		all := strings.Join(warnings, "\n")
		for want, always := range map[string]bool{
			"export.otlp.headers_file: ": true, "export.otlp.endpoint: the URL is http": true,
			"export.syslog.address: udp has no TLS": false, "export.syslog.address: udp loses": false,
			"export.nats.token_file: ": false, "export.nats.servers[0]: begins with nats://": false,
		} {
			if strings.Contains(all, want) != (journal || always) {
				t.Errorf("journal %v: %q is wrong in:\n%s", journal, want, all)
			}
		}
		if strings.Contains(all, "s3cr3t") {
			t.Errorf("a secret is told:\n%s", all)
		}
	}
	to.OTLP.HeadersFile = filepath.Join(t.TempDir(), "none")
	if _, err := exportWarnings(&to, true); err == nil || !strings.HasPrefix(err.Error(), "export.otlp.headers_file: ") {
		t.Errorf("a file that is not there: %v", err)
	}
	to = configs.Default().Export
	if warnings, err := exportWarnings(&to, true); len(warnings) != 0 || err != nil {
		t.Errorf("nothing is exported: %q, %v", warnings, err)
	}
}
