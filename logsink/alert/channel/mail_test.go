package channel_test

import (
	"context"
	"errors"
	"fmt"
	"mime"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/lodoor/lodoor/logsink/alert/channel"
	"github.com/lodoor/lodoor/proxy/flow"
)

// mailed are settings for a server of the test's.
func mailed(t *testing.T, m *mailServer, security string, to ...string) channel.Settings {
	t.Helper()
	s := channel.Settings{Mail: channel.Mail{
		Server: m.addr, From: "lodoor@db1.example", To: to, TLS: security, CAFile: m.ca, User: m.user,
	}}
	if m.user != "" {
		s.Mail.PasswordFile = secretFile(t, mailPassword+"\n")
	}
	return s
}

func TestMail(t *testing.T) {
	for _, security := range []string{"starttls", "implicit", "none"} {
		for _, user := range []string{"", "lodoor"} {
			t.Run(security+" "+user, func(t *testing.T) {
				m := serveMail(t, security, user)
				d, told := one(t, mailed(t, m, security, "Ops <ops@example.com>", "ann@example.com"))
				e := alertEntry("pg: bad\r\nBcc: eve@example.com\r\n\r\nbody \u202e é")
				deliver(t, d, e)
				mails := m.received()
				if len(told.list) != 0 || len(mails) != 2 {
					t.Fatalf("%d mails; warned of %q", len(mails), told.list)
				}
				for i, got := range mails {
					if want := []string{"ops@example.com", "ann@example.com"}[i]; len(got.to) != 1 || got.to[0] != want {
						t.Errorf("mail %d went to %q", i, got.to)
					}
					checkMail(t, e, got, security != "none")
				}
			})
		}
	}
}

func decodeHeader(t *testing.T, text string) string {
	t.Helper()
	plain, err := new(mime.WordDecoder).DecodeHeader(text)
	if err != nil {
		t.Fatal(err)
	}
	return plain
}

func checkMail(t *testing.T, e *flow.Entry, got taken, encrypted bool) {
	t.Helper()
	if got.encrypted != encrypted || got.from != "lodoor@db1.example" {
		t.Errorf("from %s, encrypted: %v", got.from, got.encrypted)
	}
	for name, want := range map[string]string{
		"Message-Id": "<j-e-12@db1>", "References": "<group-00c0ffee@db1>", "Auto-Submitted": "auto-generated",
		"User-Agent": "lodoor/v1", "Bcc": "",
	} {
		if header := got.Header.Get(name); header != want {
			t.Errorf("%s is %q, want %q", name, header, want)
		}
	}
	if date, err := got.Header.Date(); err != nil || !date.Equal(e.Record.Time.Truncate(time.Second)) {
		t.Errorf("its date is %v, %v", date, err)
	}
	want := `[CRITICAL] lodoor on db1: pg: bad\u000d\u000aBcc: eve@example.com`
	if subject := decodeHeader(t, got.Header.Get("Subject")); !strings.HasPrefix(subject, want) {
		t.Errorf("the subject is %q, want %q", subject, want)
	}
	for _, want := range []string{"non_local_peer", "198.18.0.1:4444", "j-e-12", `body \u202e `} {
		if !strings.Contains(got.body, want) {
			t.Errorf("%q is not in the mail:\n%s", want, got.body)
		}
	}
}

// A recipient who is refused does not keep the others from their mail, and one who has it gets no other.
func TestMailToSome(t *testing.T) {
	m := serveMail(t, "none", "")
	busy := true
	m.answers(func(to string) error {
		switch {
		case to == "gone@example.com":
			return &smtp.SMTPError{Code: 550, Message: "no such user"}
		case to == "busy@example.com" && busy:
			busy = false
			return &smtp.SMTPError{Code: 451, Message: "come back"}
		}
		return nil
	})
	d, told := one(t, mailed(t, m, "none", "gone@example.com", "busy@example.com", "ann@example.com"))
	n, err := d.Deliver(t.Context(), journaled("a"))
	if n != 0 || err == nil || !strings.HasPrefix(err.Error(), "mail: the server answered 451") {
		t.Fatalf("%d are done: %v", n, err)
	}
	if n, err = d.Deliver(t.Context(), journaled("a")); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	var to []string
	for _, got := range m.received() {
		to = append(to, got.to...)
	}
	want := "mail: an alert was delivered in part: 1 of 3 recipients were refused: the server answered 550"
	if fmt.Sprint(to) != "[ann@example.com busy@example.com]" || len(told.list) != 1 ||
		!strings.HasPrefix(told.list[0], want) || d.Lost() != 0 {
		t.Errorf("mailed to %q; told %q", to, told.list)
	}
}

func TestMailRefused(t *testing.T) {
	m := serveMail(t, "none", "")
	m.answers(func(string) error { return &smtp.SMTPError{Code: 550, Message: "no such user"} })
	d, told := one(t, mailed(t, m, "none", "gone@example.com"))
	if n, err := d.Deliver(t.Context(), journaled("a")); n != 1 || err != nil {
		t.Fatal(n, err)
	}
	want := "mail: an alert was not delivered: 1 of 1 recipients were refused: the server answered 550"
	if len(told.list) != 1 || !strings.HasPrefix(told.list[0], want) || d.Lost() != 1 {
		t.Errorf("told %q", told.list)
	}
}

// None of these has a word of the password, and each may be mended.
func TestMailFails(t *testing.T) {
	for _, tc := range []struct {
		name, offers, asks, want string
		change                   func(*channel.Settings)
	}{
		{"wrong password", "starttls", "starttls", "the server answered 535", func(s *channel.Settings) {
			s.Mail.PasswordFile = secretFile(t, "s3cr3t of another")
		}},
		{"no STARTTLS", "none", "starttls", "does not offer STARTTLS", nil},
		{"unknown authority", "starttls", "starttls", "signed by an unknown authority", func(s *channel.Settings) {
			s.Mail.CAFile = ""
		}},
		{"other name", "implicit", "implicit", "its certificate is for another name", func(s *channel.Settings) {
			s.Mail.Server = strings.Replace(s.Mail.Server, "127.0.0.1", "localhost", 1)
		}},
		{"no TLS at all", "none", "implicit", "does not speak TLS", nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			m := serveMail(t, tc.offers, "lodoor")
			s := mailed(t, m, tc.asks, "ops@example.com")
			if tc.change != nil {
				tc.change(&s)
			}
			d, told := one(t, s)
			n, err := d.Deliver(t.Context(), journaled("a"))
			if n != 0 || err == nil || !strings.Contains(err.Error(), tc.want) || len(m.received()) != 0 {
				t.Fatalf("%d are done, told %q: %v", n, told.list, err)
			}
			hides(t, "s3cr3t", err, told.list)
		})
	}
}

// A server that says nothing: the attempt ends with lodoor, and after its time.
func TestMailServerIsSilent(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	m := &mailServer{addr: l.Addr().String()}
	s := mailed(t, m, "none", "ops@example.com")
	s.Timeout = 10 * time.Millisecond
	d, _ := one(t, s)
	n, err := d.Deliver(t.Context(), journaled("a"))
	if n != 0 || err == nil || !strings.Contains(err.Error(), "within 60ms") {
		t.Errorf("%d are done: %v", n, err)
	}
	s.Timeout = time.Hour
	d, _ = one(t, s)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := d.Deliver(ctx, journaled("a"))
		ended <- err
	}()
	for range 2 { // the first connection is that of the attempt before
		if c, err := l.Accept(); err != nil {
			t.Fatal(err)
		} else {
			defer c.Close()
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestMailSettings(t *testing.T) {
	good := channel.Mail{Server: "mail.example:587", From: "a@b", To: []string{"c@d"}}
	for _, tc := range []struct {
		change func(*channel.Mail)
		want   string
	}{
		{func(*channel.Mail) {}, ""},
		{func(m *channel.Mail) { *m = channel.Mail{} }, ""},
		{func(m *channel.Mail) { m.Server = "mail.example" }, "server: "},
		{func(m *channel.Mail) { m.Server = "mail.example:smtp" }, "server: "},
		{func(m *channel.Mail) { m.From = "a@b\r\nBcc: c@d" }, "from: "},
		{func(m *channel.Mail) { m.To = nil }, "to: "},
		{func(m *channel.Mail) { m.To = []string{"c@d", "nobody"} }, "to: "},
		{func(m *channel.Mail) { m.TLS = "ssl" }, "tls: "},
		{func(m *channel.Mail) { m.User = "u" }, "user: "},
		{func(m *channel.Mail) { m.PasswordFile = "/p" }, "user: "},
		{func(m *channel.Mail) { m.User, m.PasswordFile, m.TLS = "u", "/p", "none" }, "tls: none would send the password"},
		{func(m *channel.Mail) { m.Server, m.User, m.PasswordFile, m.TLS = "[::1]:25", "u", "/p", "none" }, ""},
	} {
		m := good
		tc.change(&m)
		err := m.Validate()
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.HasPrefix(err.Error(), tc.want)) {
			t.Errorf("%+v: got %v, want %q", m, err, tc.want)
		}
	}
}
