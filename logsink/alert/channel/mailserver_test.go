package channel_test

import (
	"bytes"
	"crypto/tls"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net"
	"net/http/httptest"
	"net/mail"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"
)

// mailServer is a server of SMTP that is told how to behave.
type mailServer struct {
	addr, ca string // ca is a file
	user     string // with password; empty is nobody

	mu    sync.Mutex
	rcpt  func(to string) error // nil takes everybody
	mails []taken
}

const mailPassword = "s3cr3t of mail"

// taken is a mail that the server has.
type taken struct {
	from string
	to   []string
	*mail.Message
	body      string
	encrypted bool
}

// certificate is one for 127.0.0.1, and the file of who signed it.
func certificate(t *testing.T) (*tls.Config, string) {
	t.Helper()
	s := httptest.NewUnstartedServer(nil)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	defer s.Close()
	signer := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
	return &tls.Config{Certificates: s.TLS.Certificates, MinVersion: tls.VersionTLS12}, secretFile(t, string(signer))
}

// serveMail starts a server. security is as in the settings.
func serveMail(t *testing.T, security, user string) *mailServer {
	t.Helper()
	m := &mailServer{user: user}
	config, ca := certificate(t)
	m.ca = ca
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.addr = l.Addr().String()
	s := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &mailSession{m: m, c: c}, nil }))
	s.Domain, s.AllowInsecureAuth, s.ErrorLog = "mail.test", true, log.New(io.Discard, "", 0)
	s.ReadTimeout, s.WriteTimeout = time.Minute, time.Minute
	switch security {
	case "starttls":
		s.TLSConfig, s.AllowInsecureAuth = config, false
	case "implicit":
		l = tls.NewListener(l, config)
	}
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() {
		_ = s.Close()
		serving.Wait()
	})
	return m
}

func (m *mailServer) received() []taken {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.mails)
}

func (m *mailServer) answers(rcpt func(to string) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.rcpt = rcpt
}

// mailSession is one client.
type mailSession struct {
	m     *mailServer
	c     *smtp.Conn
	known bool
	mail  taken
}

func (s *mailSession) AuthMechanisms() []string {
	if s.m.user == "" {
		return nil
	}
	return []string{sasl.Plain}
}

func (s *mailSession) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != s.m.user || password != mailPassword {
			// A server that repeats what it was told is no reason for lodoor to do so.
			return &smtp.SMTPError{Code: 535, Message: "wrong password " + password + " for " + user}
		}
		s.known = true
		return nil
	}), nil
}

func (s *mailSession) Mail(from string, _ *smtp.MailOptions) error {
	if s.m.user != "" && !s.known {
		return smtp.ErrAuthRequired
	}
	_, encrypted := s.c.TLSConnectionState()
	s.mail = taken{from: from, encrypted: encrypted}
	return nil
}

func (s *mailSession) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	if s.m.rcpt != nil {
		if err := s.m.rcpt(to); err != nil {
			return err
		}
	}
	s.mail.to = append(s.mail.to, to)
	return nil
}

func (s *mailSession) Data(r io.Reader) error {
	raw, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if s.mail.Message, err = mail.ReadMessage(bytes.NewReader(raw)); err != nil {
		return errors.Join(errors.New("not a mail"), err)
	}
	body, err := io.ReadAll(s.mail.Body)
	s.mail.body = string(body)
	s.m.mu.Lock()
	defer s.m.mu.Unlock()
	s.m.mails = append(s.m.mails, s.mail)
	return err
}

func (s *mailSession) Reset()        {}
func (s *mailSession) Logout() error { return nil }
