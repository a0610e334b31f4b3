package export

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lodoor/lodoor/logsink/secret"
)

// NATSSettings are the part of the configuration about a stream of NATS JetStream.
type NATSSettings struct {
	// Servers are nats://HOST:4222, or tls://HOST:4222 where the connection must be encrypted. Any of them will do; no
	// other that they tell of is asked. Empty: nothing is exported.
	Servers []string `mapstructure:"servers"`
	// Stream is the stream's name; empty is LODOOR.
	Stream string `mapstructure:"stream"`
	// Subject is what the records' subjects begin with, before the journal's id; empty is lodoor.records.
	Subject string `mapstructure:"subject"`
	// Create makes the stream when it is missing.
	Create bool `mapstructure:"create"`
	// CredentialsFile has a user's JWT and seed, as `nsc generate creds` writes it.
	CredentialsFile string `mapstructure:"credentials_file"`
	// User and the file with the password on its first line.
	User         string `mapstructure:"user"`
	PasswordFile string `mapstructure:"password_file"`
	// TokenFile has a token on its first line.
	TokenFile   string `mapstructure:"token_file"`
	TLSSettings `mapstructure:",squash"`
	// Timeout is how long the server may take to answer; 0 is 5 seconds.
	Timeout time.Duration `mapstructure:"timeout"`
}

const (
	defaultNATSStream  = "LODOOR"
	defaultNATSSubject = "lodoor.records"
	defaultNATSTimeout = 5 * time.Second
	minNATSTimeout     = 100 * time.Millisecond
	natsPort           = "4222"
	natsServerExpected = "expected nats://HOST:4222 or tls://HOST:4222"
)

// Validate says which keys have impossible values, one a line. It reads no file.
func (s NATSSettings) Validate() error {
	var errs []error
	say := func(key, format string, args ...any) {
		errs = append(errs, fmt.Errorf("%s: "+format, append([]any{key}, args...)...))
	}
	for i, server := range s.Servers {
		if u, err := parseNATSServer(server); err != nil {
			say(fmt.Sprintf("servers[%d]", i), "%w", err)
		} else if first, err := parseNATSServer(s.Servers[0]); err == nil && u.Scheme != first.Scheme {
			say(fmt.Sprintf("servers[%d]", i), "begins with %s://, another one with %s://: expected one of both for all",
				u.Scheme, first.Scheme)
		}
	}
	if len(s.Servers) == 0 && s.secrets() {
		say("servers", "are missing, though there is something to log in with: "+natsServerExpected)
	}
	if s.Stream != "" && !natsToken(s.Stream) {
		say("stream", "%q is no name of a stream: expected letters, digits, - and _", s.Stream)
	}
	if s.Subject != "" && slices.ContainsFunc(strings.Split(s.Subject, "."), func(t string) bool { return !natsToken(t) }) {
		say("subject", "%q is no subject to publish to: expected words of letters, digits, - and _ with dots between "+
			"them, as %s", s.Subject, defaultNATSSubject)
	}
	if s.Timeout != 0 && s.Timeout < minNATSTimeout {
		say("timeout", "%v is too short: expected at least %v, or 0 for %v", s.Timeout, minNATSTimeout, defaultNATSTimeout)
	}
	return errors.Join(append(errs, s.validateLogin(), s.validate())...)
}

// validateLogin wants one way to log in, whole.
func (s NATSSettings) validateLogin() error {
	var ways []string
	for _, way := range []struct{ key, value string }{
		{"credentials_file", s.CredentialsFile}, {"user", s.User}, {"token_file", s.TokenFile},
	} {
		if way.value != "" {
			ways = append(ways, way.key)
		}
	}
	switch {
	case len(ways) > 1:
		return fmt.Errorf("%s: %s is set, too: expected one way to log in", ways[0], strings.Join(ways[1:], " and "))
	case s.User != "" && s.PasswordFile == "":
		return errors.New("password_file: is missing: expected a file with the password of user on its first line")
	case s.User == "" && s.PasswordFile != "":
		return errors.New("user: is missing: expected the one whose password is in password_file")
	case s.plain() && s.TLSSettings != TLSSettings{}:
		return errors.New("servers: begin with nats://, which does not encrypt, and there are files for TLS: expected " +
			"tls://HOST:4222")
	default:
		return nil
	}
}

// secrets says whether something is there that only a server needs.
func (s NATSSettings) secrets() bool {
	return s.CredentialsFile+s.User+s.PasswordFile+s.TokenFile != "" || s.TLSSettings != TLSSettings{}
}

// plain says whether the connection is not encrypted unless the server asks for it.
func (s NATSSettings) plain() bool {
	return len(s.Servers) > 0 && strings.HasPrefix(s.Servers[0], "nats:")
}

// Warnings are for the person who set it; none of them has a secret in it. A file that cannot be read is an error.
func (s NATSSettings) Warnings() ([]string, error) {
	var warnings []string
	for _, f := range []struct{ key, file string }{
		{"credentials_file", s.CredentialsFile}, {"password_file", s.PasswordFile}, {"token_file", s.TokenFile},
		{"key_file", s.KeyFile},
	} {
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
	what := "records"
	if s.User != "" || s.TokenFile != "" { // of credentials_file only a signature is sent
		what = "the password or token, and records,"
	}
	for i, server := range s.Servers {
		if u, err := parseNATSServer(server); err == nil && u.Scheme == "nats" && !loopback(u.Hostname()) {
			warnings = append(warnings, fmt.Sprintf("servers[%d]: begins with nats://, not tls://: %s can be read and "+
				"changed on their way", i, what))
		}
	}
	return warnings, nil
}

// parseNATSServer refuses secrets. Its errors do not repeat what they are about.
func parseNATSServer(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return nil, errors.New("this is not a URL: " + natsServerExpected)
	case u.User != nil:
		return nil, errors.New("the URL has a user, a password or a token in it: expected user and password_file, " +
			"token_file or credentials_file")
	case u.Scheme != "nats" && u.Scheme != "tls":
		return nil, errors.New("the URL begins neither with nats:// nor with tls://: " + natsServerExpected)
	case u.Hostname() == "":
		return nil, errors.New("the URL has no host: " + natsServerExpected)
	case strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("the URL has something behind the port: " + natsServerExpected)
	}
	return u, nil
}

// natsToken says whether text may be one word of a subject and a stream's name:
// https://docs.nats.io/nats-concepts/subjects#characters-allowed-and-recommended-for-subject-names.
func natsToken(text string) bool {
	return text != "" && strings.IndexFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_'
	}) < 0
}

// withDefaults fills in what was not set.
func (s NATSSettings) withDefaults() NATSSettings {
	s.Stream = cmp.Or(s.Stream, defaultNATSStream)
	s.Subject = cmp.Or(s.Subject, defaultNATSSubject)
	s.Timeout = cmp.Or(s.Timeout, defaultNATSTimeout)
	return s
}
