package export

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/lodoor/lodoor/logsink/secret"
)

// OTLPSettings are the part of the configuration about an OpenTelemetry collector.
type OTLPSettings struct {
	// Endpoint is the base URL, as https://HOST:4318; /v1/logs and /v1/metrics are added to it, as the OTLP exporter
	// specification says of OTEL_EXPORTER_OTLP_ENDPOINT. Empty: nothing is exported.
	Endpoint string `mapstructure:"endpoint"`
	// HeadersFile has lines "Name: value" that are sent with each request. It is read again at each.
	HeadersFile string `mapstructure:"headers_file"`
	TLSSettings `mapstructure:",squash"`
	// Proxy is the URL of a proxy: http, https or socks5. Without it there is none, whatever the environment says.
	Proxy string `mapstructure:"proxy"`
	// ProxyFile has that URL on its first line, for one with a password in it.
	ProxyFile string `mapstructure:"proxy_file"`
	// Timeout of one request; 0 is 10 seconds.
	Timeout time.Duration `mapstructure:"timeout"`
	// Compression is gzip, which is also what "" means, or none.
	Compression string `mapstructure:"compression"`
	// Logs and Metrics say what is exported. The configuration has both true unless it says otherwise.
	Logs    bool `mapstructure:"logs"`
	Metrics bool `mapstructure:"metrics"`
	// Interval is how often metrics are sent; 0 is 1 minute.
	Interval time.Duration `mapstructure:"interval"`
}

const (
	compressionGzip = "gzip"
	compressionNone = "none"

	defaultOTLPTimeout = 10 * time.Second // the OTLP exporter specification's
	defaultInterval    = time.Minute      // as the SDK's periodic reader
	minInterval        = time.Second
)

// Validate says which keys have impossible values, one a line. It reads no file.
func (s OTLPSettings) Validate() error {
	var errs []error
	say := func(key string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	if s.Endpoint != "" {
		_, err := parseEndpoint(s.Endpoint)
		say("endpoint", err)
	} else if s.HeadersFile != "" || s.TLSSettings != (TLSSettings{}) || s.Proxy != "" || s.ProxyFile != "" {
		say("endpoint", errors.New("is missing: expected https://HOST:4318"))
	}
	if s.Proxy != "" {
		say("proxy", plainProxy(s.Proxy, s.ProxyFile))
	}
	if s.Timeout < 0 {
		say("timeout", fmt.Errorf("%v is negative: expected a duration, or 0 for %v", s.Timeout, defaultOTLPTimeout))
	}
	if c := s.Compression; c != "" && c != compressionGzip && c != compressionNone {
		say("compression", fmt.Errorf("%q is unknown: expected gzip or none", c))
	}
	if s.Interval != 0 && s.Interval < minInterval {
		say("interval", fmt.Errorf("%v is too short: expected at least %v, or 0 for %v", s.Interval, minInterval,
			defaultInterval))
	}
	return errors.Join(append(errs, s.validate())...)
}

// Warnings are for the person who set it; none of them has a secret in it. A file that cannot be read is an error.
func (s OTLPSettings) Warnings() ([]string, error) {
	var warnings []string
	for _, f := range []struct{ key, file string }{{"headers_file", s.HeadersFile}, {"proxy_file", s.ProxyFile},
		{"key_file", s.KeyFile}} {
		if f.file == "" {
			continue
		}
		warning, err := secret.Warning(f.file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", f.key, err)
		}
		if warning != "" {
			warnings = append(warnings, f.key+": "+warning)
		}
	}
	if u, err := parseEndpoint(s.Endpoint); err == nil && u.Scheme == "http" && !loopback(u.Hostname()) {
		what := "records"
		if s.HeadersFile != "" {
			what = "records and the headers of headers_file"
		}
		warnings = append(warnings, "endpoint: the URL is http, not https: "+what+" can be read and changed on their way")
	}
	return warnings, nil
}

// parseEndpoint refuses what the path of a signal could not be added to, and secrets.
func parseEndpoint(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("this is not a URL: expected https://HOST:4318") // the error would repeat it
	case u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the URL begins neither with https:// nor with http://: expected https://HOST:4318")
	case u.Hostname() == "":
		return nil, errors.New("the URL has no host: expected https://HOST:4318")
	case u.User != nil:
		return nil, errors.New("the URL has a user or a password in it: expected a line \"Authorization: …\" in headers_file")
	case u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the URL has a query or a fragment: expected https://HOST:4318, and headers in headers_file")
	case strings.HasSuffix(u.Path, "/v1/logs") || strings.HasSuffix(u.Path, "/v1/metrics"):
		return nil, fmt.Errorf("the URL ends with %s: expected the base URL, to which that is added", u.Path)
	}
	if u.Path == "" {
		u.Path = "/" // JoinPath would leave what it adds without one
	}
	return u, nil
}

// plainProxy refuses a URL with a password: a configuration is shown.
func plainProxy(text, file string) error {
	u, err := parseProxy(text)
	switch {
	case err != nil:
		return err
	case file != "":
		return errors.New("is set, and proxy_file is, too: expected one of them")
	case u.User != nil:
		return errors.New("the URL has a user or a password in it: expected it in the file that proxy_file names")
	}
	return nil
}

// parseProxy's errors do not repeat what they are about.
func parseProxy(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Hostname() == "" || u.Scheme != "http" && u.Scheme != "https" && u.Scheme != "socks5" {
		return nil, errors.New("expected a URL as http://HOST:3128, with http, https or socks5")
	}
	return u, nil
}

// proxy is the proxy to go through; nil when there is none.
func (s OTLPSettings) proxy() (*url.URL, error) {
	text, key := s.Proxy, "proxy"
	if s.ProxyFile != "" {
		line, _, err := secret.Line(s.ProxyFile)
		if err != nil {
			return nil, fmt.Errorf("proxy_file: %w", err)
		}
		text, key = line, "proxy_file "+s.ProxyFile
	}
	if text == "" {
		return nil, nil
	}
	u, err := parseProxy(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return u, nil
}

func (s OTLPSettings) timeout() time.Duration { return cmp.Or(s.Timeout, defaultOTLPTimeout) }
