package channel

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"

	"github.com/lodoor/lodoor/logsink/secret"
)

// Target is where alerts are posted. It does not print its URL, whatever the verb.
type Target struct{ url *url.URL }

// String never says the URL.
func (t Target) String() string {
	if t.url == nil {
		return "none"
	}
	return "hidden"
}

// GoString never says the URL.
func (t Target) GoString() string { return "channel.Target{" + t.String() + "}" }

// IsZero says whether there is no target.
func (t Target) IsZero() bool { return t.url == nil }

// Target finds the webhook; the zero Target when none was set. The file is read at each call. The warnings are for the
// person who set it. Neither they nor the error have a part of the URL in them.
func (s Settings) Target() (t Target, warnings []string, err error) {
	text, source := s.Webhook, "webhook"
	switch {
	case text != "":
	case s.WebhookFile == "":
		return Target{}, nil, nil
	default:
		source = "webhook_file: " + s.WebhookFile
		if text, warnings, err = line("webhook_file", s.WebhookFile); err != nil {
			return Target{}, nil, err
		}
	}
	u, err := parseURL(text)
	if err != nil {
		return Target{}, nil, fmt.Errorf("%s: %w", source, err)
	}
	if u.Scheme == "http" && !loopback(u.Hostname()) {
		warnings = append(warnings, source+": the URL is http, not https: alerts can be read and changed on their way")
	}
	return Target{u}, warnings, nil
}

// line reads the first line of the file that a key names; a warning says that others can read it.
func line(key, setting string) (text string, warnings []string, err error) {
	text, warning, err := secret.Line(setting)
	if err != nil {
		return "", nil, fmt.Errorf("%s: %w", key, err)
	}
	if warning != "" {
		warnings = append(warnings, key+": "+warning)
	}
	return text, warnings, nil
}

// parseURL's errors do not repeat what they are about.
func parseURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("this is not a URL: expected https://HOST/PATH")
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the URL begins neither with https:// nor with http://")
	case u.Hostname() == "":
		return nil, errors.New("the URL has no host: expected https://HOST/PATH")
	}
	return u, nil
}

func loopback(host string) bool {
	a, err := netip.ParseAddr(host)
	return err == nil && a.IsLoopback() || host == "localhost"
}
