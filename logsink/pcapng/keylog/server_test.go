package keylog_test

import (
	"crypto/x509"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// tlsServer is a server that speaks TLS, and what its clients have to trust.
type tlsServer struct {
	address string
	roots   *x509.CertPool
}

func newTLSServer(t *testing.T) tlsServer {
	t.Helper()
	s := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(s.Close)
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return tlsServer{s.Listener.Addr().String(), roots}
}

func (s tlsServer) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// watched is a connection that tells what is written to it.
type watched struct {
	net.Conn
	tell func([]byte)
}

var _ io.Writer = (*watched)(nil)

func (w *watched) Write(b []byte) (int, error) {
	w.tell(b)
	return w.Conn.Write(b)
}
