package channel_test

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"regexp"
	"testing"

	"github.com/lodoor/lodoor/internal/testkit"
	"github.com/lodoor/lodoor/logsink/alert/channel"
)

// signed is a delivery as it came.
type signed struct {
	stamp, signature string
	body             []byte
}

// verifier is the program of the documentation in a language.
func verifier(t *testing.T, language string) string {
	t.Helper()
	text, err := os.ReadFile("../../../docs/alert-channels.md")
	if err != nil {
		t.Fatal(err)
	}
	code := regexp.MustCompile("(?s)```" + language + "\n(.*?)```").FindSubmatch(text)
	if code == nil {
		t.Fatalf("docs/alert-channels.md has no %s", language)
	}
	return string(code[1])
}

// The documentation's verifiers take a real delivery, and none that was changed, or signed with another secret.
func TestDocumentedVerifiers(t *testing.T) {
	var got signed
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got.body, _ = io.ReadAll(r.Body)
		got.stamp, got.signature = r.Header.Get("X-Lodoor-Timestamp"), r.Header.Get("X-Lodoor-Signature")
	}))
	defer s.Close()
	path := secretFile(t, "s3cr3t one\n")
	all, _ := open(t, channel.Settings{Webhook: s.URL, WebhookSecretFile: path})
	deliver(t, all[0], alertEntry("é"))
	first := got
	if err := os.WriteFile(path, []byte("s3cr3t two\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := channel.Reload(all, channel.Settings{Webhook: s.URL, WebhookSecretFile: path}); err != nil {
		t.Fatal(err)
	}
	deliver(t, all[0], alertEntry("é"))
	second := got
	forged := first
	forged.body = bytes.Replace(first.body, []byte("critical"), []byte("info"), 1)
	old := first
	old.stamp = "1700000000"
	for language, program := range map[string]string{"python": "python3", "sh": "openssl"} {
		t.Run(language, func(t *testing.T) {
			interpreter := testkit.Program(t, program)
			if language == "sh" {
				interpreter = testkit.Program(t, "sh")
			}
			script := secretFile(t, verifier(t, language))
			for _, tc := range []struct {
				name, secret string
				signed       signed
				good         bool
			}{
				{"as it came", "s3cr3t one", first, true},
				{"after a reload", "s3cr3t two", second, true},
				{"with the secret of before", "s3cr3t one", second, false},
				{"changed", "s3cr3t one", forged, false},
				{"sent again", "s3cr3t one", old, false},
				{"not signed", "s3cr3t one", signed{first.stamp, "", first.body}, false},
			} {
				cmd := exec.CommandContext(t.Context(), interpreter, script, tc.signed.stamp, tc.signed.signature)
				cmd.Stdin, cmd.Env = bytes.NewReader(tc.signed.body), append(os.Environ(), "SECRET="+tc.secret)
				out, err := cmd.CombinedOutput()
				if (err == nil) != tc.good {
					t.Errorf("%s: %v: %s", tc.name, err, out)
				}
			}
		})
	}
}

func TestWithoutASecretNothingIsSigned(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Header.Get("X-Lodoor-Signature") != "" || r.Header.Get("X-Lodoor-Timestamp") != "" {
			t.Errorf("signed with %v", r.Header)
		}
	}))
	defer s.Close()
	d, _ := one(t, channel.Settings{Webhook: s.URL})
	deliver(t, d, alertEntry("x"))
}
