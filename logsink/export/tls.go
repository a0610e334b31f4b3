package export

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"

	"github.com/lodoor/lodoor/logsink/secret"
)

// TLSSettings say whom to trust and who we are. All are files in PEM; "credential:NAME" is one of systemd's.
type TLSSettings struct {
	// CAFile has the certificates of those who may sign the server's; without it the system's are taken.
	CAFile string `mapstructure:"ca_file"`
	// CertFile and KeyFile are our own certificate, for servers that ask for one (mTLS). They are read again at each
	// connection, so that they can be renewed.
	CertFile string `mapstructure:"cert_file"`
	KeyFile  string `mapstructure:"key_file"`
}

// validate says what is missing. It reads no file.
func (s TLSSettings) validate() error {
	switch {
	case s.CertFile != "" && s.KeyFile == "":
		return errors.New("key_file: is missing: expected the key of cert_file")
	case s.CertFile == "" && s.KeyFile != "":
		return errors.New("cert_file: is missing: expected the certificate of key_file")
	default:
		return nil
	}
}

// config reads the files. An empty server is left to whoever connects to say.
func (s TLSSettings) config(server string) (*tls.Config, error) {
	c := &tls.Config{MinVersion: tls.VersionTLS12, ServerName: server}
	if s.CAFile != "" {
		pool, err := s.authorities()
		if err != nil {
			return nil, fmt.Errorf("ca_file: %w", err)
		}
		c.RootCAs = pool
	}
	if s.CertFile == "" {
		return c, nil
	}
	if _, err := s.certificate(); err != nil {
		return nil, err
	}
	c.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return s.certificate() }
	return c, nil
}

func (s TLSSettings) authorities() (*x509.CertPool, error) {
	path, err := secret.Path(s.CAFile)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s has no certificate: expected PEM, as in -----BEGIN CERTIFICATE-----", s.CAFile)
	}
	return pool, nil
}

func (s TLSSettings) certificate() (*tls.Certificate, error) {
	cert, err := secret.Path(s.CertFile)
	if err != nil {
		return nil, fmt.Errorf("cert_file: %w", err)
	}
	key, err := secret.Path(s.KeyFile)
	if err != nil {
		return nil, fmt.Errorf("key_file: %w", err)
	}
	pair, err := tls.LoadX509KeyPair(cert, key)
	if err != nil {
		return nil, fmt.Errorf("cert_file %s, key_file %s: %w", s.CertFile, s.KeyFile, err)
	}
	return &pair, nil
}
