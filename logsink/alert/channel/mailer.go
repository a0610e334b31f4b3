package channel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"
	"github.com/wneessen/go-mail/smtp"

	"github.com/lodoor/lodoor/proxy/flow"
)

// mailPatience is how many timeouts a mail may take: servers make a stranger wait before they greet.
const mailPatience = 6

// mailer mails alerts, a message of its own to each recipient, so that one bad address does not keep the others from
// theirs.
type mailer struct {
	Mail
	password string
	name     string // what the machine is called in HELO and in message ids
	agent    string
	tls      *tls.Config
	timeout  time.Duration

	// current is the message of the last attempt: done are those who need no other, refused is why some of them do not
	// have it.
	current  string
	done     map[string]bool
	refused  error
	refusals int
}

func newMailer(s Settings, host flow.Host, version string) (*mailer, []string, error) {
	name, err := splitServer(s.Mail.Server)
	if err != nil {
		return nil, nil, fmt.Errorf("mail.server: %w", err)
	}
	m := &mailer{
		Mail: s.Mail, name: hostName(host.Name), agent: "lodoor/" + version, timeout: mailPatience * s.timeout(),
		tls: &tls.Config{ServerName: name, MinVersion: tls.VersionTLS12},
	}
	var warnings []string
	if m.PasswordFile != "" {
		if m.password, warnings, err = line("mail.password_file", m.PasswordFile); err != nil {
			return nil, nil, err
		}
	}
	if m.CAFile != "" {
		pem, err := os.ReadFile(m.CAFile)
		if err != nil {
			return nil, nil, fmt.Errorf("mail.ca_file: %w", err)
		}
		if m.tls.RootCAs = x509.NewCertPool(); !m.tls.RootCAs.AppendCertsFromPEM(pem) {
			return nil, nil, fmt.Errorf("mail.ca_file: %s has no certificate in it: expected PEM", m.CAFile)
		}
	}
	if m.security() == tlsNone && !loopback(name) {
		warnings = append(warnings, "mail.tls: none: alerts can be read and changed on their way")
	}
	return m, warnings, nil
}

// hostName is a name as it may stand in HELO and after the @ of a message id.
func hostName(name string) string {
	clean := strings.Map(func(r rune) rune {
		if r == '-' || r == '.' || r >= '0' && r <= '9' || r >= 'A' && r <= 'Z' || r >= 'a' && r <= 'z' {
			return r
		}
		return -1
	}, name)
	if clean = strings.Trim(clean, "-."); clean == "" {
		return "localhost"
	}
	return clean
}

// send mails a message to all recipients who do not have it yet, over one connection.
func (m *mailer) send(ctx context.Context, msg *message) error {
	if id := m.messageID(msg); id != m.current {
		m.current, m.done, m.refused, m.refusals = id, map[string]bool{}, nil, 0
	}
	var mails []*mail.Msg
	var to []string
	for _, rcpt := range m.To {
		if m.done[rcpt] {
			continue
		}
		one, err := m.write(msg, rcpt)
		if err != nil {
			return refusal{err}
		}
		mails, to = append(mails, one), append(to, rcpt)
	}
	talk := &conversation{implicit: m.security() == tlsImplicit, tls: m.tls}
	client, err := m.client(talk)
	if err != nil {
		return refusal{errors.New("the settings of mail are not usable")}
	}
	limited, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	defer talk.closeWith(limited)()
	if err = m.transmit(limited, client, mails); err != nil {
		return m.explain(limited, err)
	}
	return m.outcome(limited, mails, to)
}

// transmit returns an error when the conversation failed as a whole; else each mail knows what became of it.
func (m *mailer) transmit(ctx context.Context, client *mail.Client, mails []*mail.Msg) error {
	server, err := client.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return err
	}
	_ = client.SendWithSMTPClient(server, mails...) // each mail has its own error
	_ = client.CloseWithSMTPClient(server)          // what was taken is taken
	return nil
}

// outcome says whether anybody has to get the message yet.
func (m *mailer) outcome(ctx context.Context, mails []*mail.Msg, to []string) error {
	var failed error
	for i, one := range mails {
		var told *mail.SendError
		switch err := one.SendError(); {
		case one.IsDelivered():
			m.done[to[i]] = true
		case errors.As(err, &told) && told.ErrorCode() >= 500:
			m.done[to[i]] = true
			m.refused = m.explain(ctx, err)
			m.refusals++
		default:
			failed = m.explain(ctx, err)
		}
	}
	switch {
	case failed != nil:
		return failed
	case m.refused == nil:
		return nil
	}
	told := refusal{fmt.Errorf("%d of %d recipients were refused: %w", m.refusals, len(m.To), m.refused)}
	if m.refusals < len(m.To) {
		return partial{told}
	}
	return told
}

func (m *mailer) client(talk *conversation) (*mail.Client, error) {
	_, port, err := net.SplitHostPort(m.Server)
	if err != nil {
		return nil, err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return nil, err
	}
	// After TLS from the first byte no server offers STARTTLS (RFC 3207, section 4.2), so that this policy then only has
	// the library see that the connection is encrypted.
	policy := mail.TLSOpportunistic
	switch m.security() {
	case tlsStart:
		policy = mail.TLSMandatory
	case tlsNone:
		policy = mail.NoTLS
	}
	options := []mail.Option{
		mail.WithPort(number), mail.WithTimeout(m.timeout), mail.WithHELO(m.name), mail.WithTLSConfig(m.tls),
		mail.WithTLSPolicy(policy), mail.WithDialContextFunc(talk.dial),
	}
	if m.User != "" {
		method := mail.SMTPAuthAutoDiscover
		if policy == mail.NoTLS {
			method = mail.SMTPAuthPlainNoEnc // to this host only, see Mail.Validate
		}
		options = append(options, mail.WithSMTPAuth(method), mail.WithUsername(m.User), mail.WithPassword(m.password))
	}
	return mail.NewClient(m.tls.ServerName, options...)
}

// explain has no more of what a server says than its code and, once it has let us in, a line of its words: before, they
// may be about the password.
func (m *mailer) explain(ctx context.Context, err error) error {
	var said *textproto.Error
	var told *mail.SendError
	switch {
	case errors.Is(ctx.Err(), context.Canceled):
		return ctx.Err()
	case ctx.Err() != nil:
		return fmt.Errorf("the server did not take the mail within %v", m.timeout)
	case errors.As(err, &told) && told.ErrorCode() >= 400:
		return fmt.Errorf("the server answered %d%s", told.ErrorCode(), m.words(told))
	case errors.As(err, &said):
		return fmt.Errorf("the server answered %d before it took a mail (its greeting, TLS, or the password)", said.Code)
	case errors.Is(err, smtp.ErrUnencrypted), errors.Is(err, mail.ErrNoSupportedAuthDiscovered):
		return errors.New("the server offers no way to send the password that is safe")
	case strings.Contains(err.Error(), "does not support STARTTLS"):
		return errors.New("the server does not offer STARTTLS; nothing was sent")
	case strings.Contains(err.Error(), "does not support SMTP AUTH"):
		return errors.New("the server does not ask for a user; nothing was sent")
	default:
		return describeMail(err, m.timeout)
	}
}

func (m *mailer) words(told *mail.SendError) string {
	text := told.Error()
	if m.password != "" && strings.Contains(text, m.password) {
		return ""
	}
	return ": " + cut(plain(text), 200)
}

// describeMail is describe in the words of mail.
func describeMail(err error, timeout time.Duration) error {
	if err = describe(err, timeout); err == nil || errors.Is(err, errUnknown) {
		return errors.New("the server could not be reached, or did not answer in SMTP")
	}
	return err
}
