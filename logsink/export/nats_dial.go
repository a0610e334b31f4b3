package export

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/lodoor/lodoor/logsink/secret"
	"github.com/lodoor/lodoor/proxy/flow"
)

// natsLink is one connection and what is known through it about one subject.
type natsLink struct {
	conn    *nats.Conn
	wire    *natsWire
	js      jetstream.JetStream
	gone    context.Context // done when the connection is
	timeout time.Duration   // of each answer

	journal, subject, stream string
	limit                    int    // bytes of a message, headers included
	last                     uint64 // the number in the stream of the subject's last message, 0 before the first
	window, widest           int    // how many messages are on their way at once, now and at most

	before flow.Identity // what Resume answered, until the first delivery
	known  natsKnown     // nil where nothing is published that the stream may have
}

// dialNATS connects to one of the servers.
func dialNATS(ctx context.Context, s NATSSettings, version, journal string) (*natsLink, error) {
	l := &natsLink{
		wire: &natsWire{ctx: ctx, timeout: s.Timeout}, timeout: s.Timeout,
		journal: journal, subject: s.Subject + "." + journal, stream: s.Stream,
		window: 1,
	}
	gone, end := context.WithCancel(context.Background())
	l.gone = gone
	options, err := l.options(s, version, end)
	if err != nil {
		end()
		return nil, err
	}
	defer context.AfterFunc(ctx, l.wire.cut)() // what is beyond the dialler has no context
	if l.conn, err = nats.Connect(strings.Join(s.Servers, ","), options...); err != nil {
		end()
		return nil, fmt.Errorf("connect to %s: %w", strings.Join(s.Servers, ", "), cmp.Or(ctx.Err(), err))
	}
	if l.js, err = jetstream.New(l.conn); err != nil {
		l.close()
		return nil, fmt.Errorf("JetStream of %s: %w", l.conn.ConnectedUrlRedacted(), err)
	}
	return l, nil
}

// options turn off all that would publish behind our back, or connect to where nobody said.
func (l *natsLink) options(s NATSSettings, version string, end func()) ([]nats.Option, error) {
	options := []nats.Option{
		nats.Name("lodoor " + version),
		nats.NoReconnect(),
		nats.IgnoreDiscoveredServers(),
		nats.SkipHostLookup(), // the dialler does it, with a context
		nats.SetCustomDialer(l.wire),
		nats.Timeout(s.Timeout),
		nats.FlusherTimeout(s.Timeout), // of one write
		nats.ClosedHandler(func(*nats.Conn) { end() }),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}), // LastError has it; the default prints it
	}
	login, err := s.login()
	if err != nil {
		return nil, err
	}
	if login != nil {
		options = append(options, login)
	}
	if !s.plain() {
		tlsConfig, err := s.config("")
		if err != nil {
			return nil, err
		}
		options = append(options, nats.Secure(tlsConfig))
	}
	return options, nil
}

// login reads the secrets, at each connection, so that they can be changed. It is nil when there is nothing to log in
// with.
func (s NATSSettings) login() (nats.Option, error) {
	switch {
	case s.CredentialsFile != "":
		path, err := secret.Path(s.CredentialsFile)
		if err != nil {
			return nil, fmt.Errorf("credentials_file: %w", err)
		}
		return nats.UserCredentials(path), nil
	case s.User != "":
		password, _, err := secret.Line(s.PasswordFile)
		if err != nil {
			return nil, fmt.Errorf("password_file: %w", err)
		}
		return nats.UserInfo(s.User, password), nil
	case s.TokenFile != "":
		token, _, err := secret.Line(s.TokenFile)
		if err != nil {
			return nil, fmt.Errorf("token_file: %w", err)
		}
		return nats.Token(token), nil
	default:
		return nil, nil
	}
}

// close ends the connection and waits for that. Nothing that is still in the library's buffer is sent.
func (l *natsLink) close() {
	l.wire.cut()
	l.conn.Close()
	<-l.gone.Done()
}

// natsWire dials, and can cut the connection while the library writes to it or waits for it.
type natsWire struct {
	ctx     context.Context // of dialling
	timeout time.Duration

	mu   sync.Mutex
	conn net.Conn
	gone bool
}

// Dial is nats.CustomDialer's.
func (w *natsWire) Dial(network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: w.timeout}
	conn, err := d.DialContext(w.ctx, network, address)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.gone {
		conn.Close()
		return nil, net.ErrClosed
	}
	w.conn = conn // the one before it, to another server, was given up by the library
	return conn, nil
}

func (w *natsWire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.gone = true
	if w.conn != nil {
		w.conn.Close()
	}
}
