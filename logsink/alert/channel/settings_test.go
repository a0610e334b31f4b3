package channel_test

import (
	"strings"
	"testing"
	"time"

	"github.com/lodoor/lodoor/logsink/alert/channel"
)

func TestSettingsValidate(t *testing.T) {
	tests := []struct {
		s    channel.Settings
		want string
	}{
		{channel.Settings{}, ""},
		{channel.Settings{Timeout: time.Second, Webhook: "https://example.com/x"}, ""},
		{channel.Settings{Timeout: -1}, "timeout: -1ns is negative"},
		{channel.Settings{Webhook: "ftp://secret"}, "webhook: the URL begins neither"},
		{channel.Settings{Webhook: "https://"}, "webhook: the URL has no host"},
		{channel.Settings{Webhook: "https://secret\x7f"}, "webhook: this is not a URL"},
	}
	for _, test := range tests {
		err := test.s.Validate()
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.HasPrefix(err.Error(), test.want)) {
			t.Errorf("%+v: got %v, want %q", test.s, err, test.want)
		}
		if err != nil && strings.Contains(err.Error(), "secret") {
			t.Errorf("the error has the URL in it: %v", err)
		}
	}
}
