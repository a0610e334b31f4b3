package history_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/history"
)

func TestSettingsValidate(t *testing.T) {
	for _, good := range []history.Settings{
		{}, {Store: "sqlite", MaxAge: time.Hour, MaxSize: 2 << 20}, {Store: "off"}, {Store: "postgres", URLFile: "/etc/x"},
		{Store: "postgres", URL: "postgres://ada:p%40ss@db/lodoor?sslmode=require"},
	} {
		if err := good.Validate(); err != nil {
			t.Errorf("%+v: %v", good, err)
		}
	}
	for _, tc := range []struct {
		settings history.Settings
		want     string
	}{
		{history.Settings{Store: "mysql"}, `store: unknown store "mysql": expected one of sqlite, postgres, off`},
		{history.Settings{URLFile: "/etc/x"}, "store: a URL is given, and the store is sqlite: expected store: postgres"},
		{history.Settings{Store: "postgres"}, "url_file: expected a file with the URL of a PostgreSQL"},
		{history.Settings{MaxAge: -1}, "max_age: -1ns is negative"},
		{history.Settings{MaxSize: 1000}, "max_size: 1000 bytes are too few: expected at least 1MiB, or 0 for 1GiB"},
		{history.Settings{MaxSize: -1}, "max_size: -1 bytes are too few"},
	} {
		if err := tc.settings.Validate(); err == nil || !strings.HasPrefix(err.Error(), tc.want) {
			t.Errorf("%+v: %v; want %s", tc.settings, err, tc.want)
		}
	}
}

// TestSecretURL gives URLs that cannot be used: no error has any part of the password.
func TestSecretURL(t *testing.T) {
	for _, url := range []string{
		"hunter2", "mysql://ada:hunter2@db/x", "postgres://ada:hunter2%zz@db/x", "postgres://ada:hunter2@db:port/x",
		"postgres://ada:hunter2@db/x?sslmode=hunter2", "postgres://db/x?password=hunter2&sslmode=none",
		"postgres://ada:hunter2@db/x?connect_timeout=hunter2", "host=db password=hunter2", "postgres://ada:hun/ter2@db/x",
		"postgres://ada:hunter2@db/x?sslrootcert=/hunter2/none&sslmode=verify-full",
	} {
		file := filepath.Join(t.TempDir(), "url")
		if err := os.WriteFile(file, []byte(url+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		direct := history.Settings{Store: "postgres", URL: url}.Validate()
		_, opened := history.Open(t.Context(), history.Config{Settings: history.Settings{Store: "postgres", URLFile: file}})
		for _, err := range []error{direct, opened} {
			if err == nil || strings.Contains(err.Error(), "hun") || !strings.Contains(err.Error(), "PostgreSQL") {
				t.Errorf("%s is told as %v", url, err)
			}
		}
	}
}

func TestURLFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "none")
	_, err := history.Open(t.Context(), history.Config{Settings: history.Settings{Store: "postgres", URLFile: file}})
	if err == nil || !strings.Contains(err.Error(), "read the history's URL: open "+file) {
		t.Error(err)
	}
	_, err = history.Open(t.Context(), history.Config{Settings: history.Settings{Store: "off"}})
	if err == nil || !strings.Contains(err.Error(), `the store is "off"`) {
		t.Error(err)
	}
}
