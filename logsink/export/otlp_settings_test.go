package export

import (
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestOTLPSettings(t *testing.T) {
	const good = "https://otel.example:4318"
	for _, tc := range []struct {
		s    OTLPSettings
		want string // a part of the error; empty: valid
	}{
		{OTLPSettings{}, ""},
		{OTLPSettings{Logs: true, Metrics: true, Interval: time.Minute}, ""},
		{OTLPSettings{Endpoint: good, Proxy: "http://proxy:3128", Compression: "none", Interval: time.Second}, ""},
		{OTLPSettings{Endpoint: good + "/tenant"}, ""},
		{OTLPSettings{Endpoint: "otel.example:4318"}, "endpoint: "},
		{OTLPSettings{Endpoint: "grpc://otel.example:4317"}, "endpoint: the URL begins neither"},
		{OTLPSettings{Endpoint: "https://"}, "endpoint: the URL has no host"},
		{OTLPSettings{Endpoint: "https://ada:s3cret@otel.example"}, "in headers_file"},
		{OTLPSettings{Endpoint: good + "?key=s3cret"}, "endpoint: the URL has a query"},
		{OTLPSettings{Endpoint: good + "/v1/logs"}, "expected the base URL"},
		{OTLPSettings{Endpoint: "https://s3cret\x7f"}, "endpoint: this is not a URL"},
		{OTLPSettings{HeadersFile: "x"}, "endpoint: is missing"},
		{OTLPSettings{Endpoint: good, Proxy: "proxy:3128"}, "proxy: expected a URL"},
		{OTLPSettings{Endpoint: good, Proxy: "http://ada:s3cret@proxy:3128"}, "proxy: the URL has a user"},
		{OTLPSettings{Endpoint: good, Proxy: "http://proxy:3128", ProxyFile: "x"}, "proxy: is set, and proxy_file is, too"},
		{OTLPSettings{Endpoint: good, Timeout: -1}, "timeout: "},
		{OTLPSettings{Endpoint: good, Interval: time.Millisecond}, "interval: 1ms is too short: expected at least 1s"},
		{OTLPSettings{Endpoint: good, Compression: "zstd"}, `compression: "zstd" is unknown: expected gzip or none`},
		{OTLPSettings{Endpoint: good, TLSSettings: TLSSettings{KeyFile: "k"}}, "cert_file: is missing"},
	} {
		err := tc.s.Validate()
		if (err == nil) != (tc.want == "") || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: got %v, want %q", tc.s, err, tc.want)
		}
		if err != nil && strings.Contains(err.Error(), "s3cret") {
			t.Errorf("the error has the secret: %v", err)
		}
	}
}

// TestOTLPFiles are errors that only the files show.
func TestOTLPFiles(t *testing.T) {
	a := newAuthority(t)
	none := file(t, "none", "nothing of it: s3cret")
	for want, s := range map[string]OTLPSettings{
		"headers_file: open /nonexistent":                  {HeadersFile: "/nonexistent"},
		"line 2: expected NAME: VALUE":                     {HeadersFile: file(t, "h", "a: b\nc s3cret\n")},
		"line 1: expected NAME: VALUE":                     {HeadersFile: file(t, "h", "a b: s3cret")},
		"line 1: the value of A has a character":           {HeadersFile: file(t, "h", "a: s3cret\x01")},
		"line 1: Content-Type is set by lodoor":            {HeadersFile: file(t, "h", "content-type: s3cret")},
		"is longer than 65536 bytes":                       {HeadersFile: file(t, "h", strings.Repeat("a", maxHeaders+1))},
		"has no certificate: expected PEM":                 {TLSSettings: TLSSettings{CAFile: none}},
		"ca_file: open /nonexistent":                       {TLSSettings: TLSSettings{CAFile: "/nonexistent"}},
		"cert_file " + none:                                {TLSSettings: TLSSettings{CertFile: none, KeyFile: a.file}},
		"proxy_file " + none + ": expected a URL as http:": {ProxyFile: none},
		"proxy_file: open /nonexistent":                    {ProxyFile: "/nonexistent"},
	} {
		s.Endpoint = "https://otel.example:4318"
		_, err := NewOTLPLogs(OTLPConfig{Settings: s})
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestOTLPWarnings(t *testing.T) {
	headers := file(t, "headers", "A: b")
	s := OTLPSettings{Endpoint: "http://otel.example:4318", HeadersFile: headers}
	const plain = "endpoint: the URL is http, not https: records and the headers of headers_file can be read and changed on their way"
	if got, err := s.Warnings(); err != nil || !cmp.Equal(got, []string{plain}) {
		t.Errorf("got %q, %v", got, err)
	}
	if runtime.GOOS != "windows" {
		if err := os.Chmod(headers, 0o644); err != nil {
			t.Fatal(err)
		}
		s.Endpoint = "http://localhost:4318"
		if got, err := s.Warnings(); err != nil || len(got) != 1 || !strings.HasPrefix(got[0], "headers_file: ") {
			t.Errorf("got %q, %v", got, err)
		}
	}
	s.HeadersFile = "/nonexistent"
	if _, err := s.Warnings(); err == nil {
		t.Error("no error")
	}
}
