package channel

import (
	"errors"
	"fmt"
	"net"
	"net/mail"
	"strconv"
)

// Mail says by which server alerts are mailed, and to whom.
type Mail struct {
	// Server is host:port; empty is no mail.
	Server string `mapstructure:"server"`
	// From and To are addresses as in RFC 5322: ops@example.com, or "Operations <ops@example.com>".
	From string   `mapstructure:"from"`
	To   []string `mapstructure:"to"`
	// User is who lodoor is to the server, with the password on the first line of PasswordFile; empty is nobody.
	User         string `mapstructure:"user"`
	PasswordFile string `mapstructure:"password_file"`
	// TLS is starttls, implicit (TLS from the first byte) or none; empty is implicit on port 465 and starttls elsewhere.
	TLS string `mapstructure:"tls"`
	// CAFile has the certificates, in PEM, that the server's must lead to; empty is those of the system.
	CAFile string `mapstructure:"ca_file"`
}

// The values of Mail.TLS.
const (
	tlsStart    = "starttls"
	tlsImplicit = "implicit"
	tlsNone     = "none"
)

const portSMTPS = "465" // RFC 8314, section 3.3

func (m Mail) isZero() bool {
	return m.Server == "" && m.From == "" && len(m.To) == 0 && m.User == "" && m.PasswordFile == "" && m.TLS == "" &&
		m.CAFile == ""
}

// Validate says which keys have impossible values, one a line. It reads no file.
func (m Mail) Validate() error {
	if m.isZero() {
		return nil
	}
	var errs []error
	host, err := splitServer(m.Server)
	if err != nil {
		errs = append(errs, fmt.Errorf("server: %w", err))
	}
	if _, err := mail.ParseAddress(m.From); err != nil {
		errs = append(errs, fmt.Errorf("from: %q is not an address: expected NAME@HOST", m.From))
	}
	if len(m.To) == 0 {
		errs = append(errs, errors.New("to: there is nobody to mail to: expected a list of addresses"))
	}
	for _, to := range m.To {
		if _, err := mail.ParseAddress(to); err != nil {
			errs = append(errs, fmt.Errorf("to: %q is not an address: expected NAME@HOST", to))
		}
	}
	switch m.TLS {
	case "", tlsStart, tlsImplicit, tlsNone:
	default:
		errs = append(errs, fmt.Errorf("tls: found %q; expected %s, %s or %s", m.TLS, tlsStart, tlsImplicit, tlsNone))
	}
	switch {
	case (m.User == "") != (m.PasswordFile == ""):
		errs = append(errs, errors.New("user: a user needs a password_file, and a password_file a user: expected both"))
	case m.User != "" && m.TLS == tlsNone && host != "" && !loopback(host):
		errs = append(errs, errors.New("tls: none would send the password readable to another host: expected "+
			tlsStart+" or "+tlsImplicit))
	}
	return errors.Join(errs...)
}

// splitServer checks host:port and returns the host.
func splitServer(server string) (string, error) {
	host, port, err := net.SplitHostPort(server)
	if err != nil || host == "" {
		return "", fmt.Errorf("%q is not host:port", server)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("%q has no port: expected host:port with a port of 1 to 65535", server)
	}
	return host, nil
}

// security is TLS with its default filled in.
func (m Mail) security() string {
	_, port, _ := net.SplitHostPort(m.Server)
	switch {
	case m.TLS != "":
		return m.TLS
	case port == portSMTPS:
		return tlsImplicit
	default:
		return tlsStart
	}
}
