package secret_test

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/lodoor/lodoor/logsink/secret"
)

func write(t *testing.T, dir, name, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestLine(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("CREDENTIALS_DIRECTORY", dir)
	write(t, dir, "token", "  s3cret \nsecond line\n", 0o644)
	for _, tc := range []struct {
		name, setting, want, warning, err string
	}{
		{"first line", write(t, dir, "a", "s3cret\nmore", 0o600), "s3cret", "", ""},
		{"no newline", write(t, dir, "b", "s3cret", 0o600), "s3cret", "", ""},
		{"for others to read", write(t, dir, "c", "s3cret", 0o644), "s3cret", "chmod 600", ""},
		{"credential", "credential:token", "s3cret", "", ""},
		{"credential elsewhere", "credential:../token", "", "", "without a slash"},
		{"credential without a name", "credential:", "", "", "without a slash"},
		{"empty", write(t, dir, "d", "\ns3cret", 0o600), "", "", "first line is empty"},
		{"missing", filepath.Join(dir, "none"), "", "", "none"},
		{"directory", dir, "", "", dir},
	} {
		t.Run(tc.name, func(t *testing.T) {
			text, warning, err := secret.Line(tc.setting)
			if text != tc.want || (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %q, %v", text, err)
			}
			if runtime.GOOS != "windows" && !strings.Contains(warning, tc.warning) || tc.warning == "" && warning != "" {
				t.Errorf("warning %q", warning)
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error has the secret: %v", err)
			}
		})
	}
}

func TestCredentialWithoutSystemd(t *testing.T) {
	t.Setenv("CREDENTIALS_DIRECTORY", "")
	if _, _, err := secret.Line("credential:token"); err == nil || !strings.Contains(err.Error(), "LoadCredential=token:FILE") {
		t.Error(err)
	}
}
