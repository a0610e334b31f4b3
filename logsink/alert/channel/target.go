package channel

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"runtime"
	"strings"
)

// maxURL is how much of a webhook file is read.
const maxURL = 16 << 10

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
		source = "webhook file " + s.WebhookFile
		var warning string
		if text, warning, err = readFirstLine(s.WebhookFile); err != nil {
			return Target{}, nil, err
		}
		if warning != "" {
			warnings = append(warnings, warning)
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

// readFirstLine also warns when the file is open to others.
func readFirstLine(path string) (text, warning string, err error) {
	f, err := os.Open(path)
	if err != nil {
		return "", "", fmt.Errorf("webhook file: %w", err)
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return "", "", fmt.Errorf("webhook file: %w", err)
	}
	if mode := info.Mode(); runtime.GOOS != "windows" && mode.IsRegular() && mode.Perm()&0o044 != 0 {
		warning = fmt.Sprintf("webhook file %s can be read by others (mode %04o); chmod 600 keeps the URL a secret",
			path, mode.Perm())
	}
	line, err := bufio.NewReader(io.LimitReader(f, maxURL)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", "", fmt.Errorf("webhook file: %w", err)
	}
	text = strings.TrimSpace(line)
	if text == "" {
		return "", "", fmt.Errorf("webhook file %s: the first line is empty: expected a URL", path)
	}
	return text, warning, nil
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
