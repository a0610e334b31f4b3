package export

import (
	"strings"
	"testing"
	"time"
)

func TestNATSSettings(t *testing.T) {
	servers := []string{"nats://127.0.0.1:4222"}
	encrypted := []string{"tls://nats.example:4222", "tls://[2001:db8::1]"}
	for _, tc := range []struct {
		name string
		s    NATSSettings
		want []string // parts of the error, none when it is good
	}{
		{"nothing", NATSSettings{}, nil},
		{"server", NATSSettings{Servers: servers}, nil},
		{"all", NATSSettings{
			Servers: encrypted, Stream: "A-1_b", Subject: "a.b-c.d_e", Create: true, User: "ada", PasswordFile: "p",
			TLSSettings: TLSSettings{CAFile: "ca", CertFile: "c", KeyFile: "k"}, Timeout: time.Second,
		}, nil},
		{"credentials", NATSSettings{Servers: servers, CredentialsFile: "credential:nats"}, nil},
		{"host only", NATSSettings{Servers: []string{"127.0.0.1:4222"}}, []string{"servers[0]: ", "nats://HOST:4222"}},
		{"another scheme", NATSSettings{Servers: []string{"https://a"}}, []string{"servers[0]: ", "neither", "tls://"}},
		{"no host", NATSSettings{Servers: []string{"nats://:4222"}}, []string{"servers[0]: ", "no host"}},
		{"path", NATSSettings{Servers: []string{"nats://a:1/b"}}, []string{"servers[0]: ", "behind the port"}},
		{"secret", NATSSettings{Servers: []string{"nats://ada:s3cret@a"}}, []string{"servers[0]: ", "password_file"}},
		{"no URL", NATSSettings{Servers: []string{"nats://a\x00s3cret"}}, []string{"servers[0]: ", "not a URL"}},
		{"two schemes", NATSSettings{Servers: []string{"nats://a", "tls://b"}}, []string{"servers[1]: ", "one of both"}},
		{"no servers", NATSSettings{TokenFile: "t"}, []string{"servers: are missing"}},
		{"stream", NATSSettings{Servers: servers, Stream: "a.b"}, []string{`stream: "a.b"`}},
		{"subject", NATSSettings{Servers: servers, Subject: "a..b"}, []string{`subject: "a..b"`}},
		{"wildcard", NATSSettings{Servers: servers, Subject: "a.>"}, []string{`subject: "a.>"`}},
		{"timeout", NATSSettings{Servers: servers, Timeout: time.Millisecond}, []string{"timeout: 1ms is too short"}},
		{"no password", NATSSettings{Servers: servers, User: "ada"}, []string{"password_file: is missing"}},
		{"no user", NATSSettings{Servers: servers, PasswordFile: "p"}, []string{"user: is missing"}},
		{"two ways", NATSSettings{Servers: servers, TokenFile: "t", CredentialsFile: "c"},
			[]string{"credentials_file: token_file is set, too"}},
		{"TLS in the clear", NATSSettings{Servers: servers, TLSSettings: TLSSettings{CAFile: "ca"}},
			[]string{"servers: begin with nats://", "tls://HOST:4222"}},
		{"no key", NATSSettings{Servers: encrypted, TLSSettings: TLSSettings{CertFile: "c"}}, []string{"key_file: is missing"}},
		{"two things", NATSSettings{Servers: servers, Stream: "*", Subject: " "}, []string{"stream: ", "subject: "}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			err := tc.s.Validate()
			if (err == nil) != (tc.want == nil) {
				t.Fatalf("got %v", err)
			}
			for _, part := range tc.want {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%v has no %q", err, part)
				}
			}
			if err != nil && strings.Contains(err.Error(), "s3cret") {
				t.Errorf("the error has the secret: %v", err)
			}
			if _, newErr := NewNATS(NATSConfig{Settings: tc.s}); (newErr == nil) != (err == nil && tc.s.Servers != nil) {
				t.Errorf("NewNATS: %v", newErr)
			}
		})
	}
}

func TestNATSWarnings(t *testing.T) {
	dir := t.TempDir()
	s := NATSSettings{Servers: []string{"nats://127.0.0.1", "nats://nats.example"}, User: "ada"}
	s.PasswordFile = natsFile(t, dir, "password", natsPassword)
	warnings, err := s.Warnings()
	if err != nil || len(warnings) != 1 || !strings.HasPrefix(warnings[0], "servers[1]: ") {
		t.Error(warnings, err)
	}
	s.PasswordFile += "-none"
	if _, err := s.Warnings(); err == nil || !strings.Contains(err.Error(), "password_file: ") {
		t.Error(err)
	}
}
