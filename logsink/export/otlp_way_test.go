package export

import (
	"bufio"
	"context"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func file(t testing.TB, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestOTLPTLS has an authority and a certificate of its own, and headers from a file that changes meanwhile.
func TestOTLPTLS(t *testing.T) {
	a := newAuthority(t)
	r := newReceiver(t)
	r.TLS = a.server()
	r.StartTLS()
	s := r.settings()
	s.Endpoint += "/base/"
	s.TLSSettings = a.client()
	s.HeadersFile = file(t, "headers", "# ours\nAuthorization: Bearer one\n\nx-scope: a: b\n")
	l, _ := newLogs(t, s)
	entries := written(t, 4)
	deliver(t, l, entries[:3])
	if r.headers.Get("Authorization") != "Bearer one" || r.headers.Get("X-Scope") != "a: b" ||
		r.headers.Get("User-Agent") != "lodoor/v0.1.0" {
		t.Errorf("headers %v", r.headers)
	}
	if err := os.WriteFile(s.HeadersFile, []byte("Authorization: Bearer two"), 0o600); err != nil {
		t.Fatal(err)
	}
	deliver(t, l, entries[3:])
	if r.headers.Get("Authorization") != "Bearer two" || r.headers.Get("X-Scope") != "" {
		t.Errorf("headers %v", r.headers)
	}
	if diff := cmp.Diff(times(entries, 1), r.got()); diff != "" {
		t.Error(diff)
	}
	for name, other := range map[string]TLSSettings{
		"no certificate of ours": {CAFile: a.file},
		"another authority":      newAuthority(t).client(),
		"the system's":           {},
	} {
		s.TLSSettings = other
		l, _ := newLogs(t, s)
		n, err := l.Deliver(context.Background(), entries)
		if n != 0 || err == nil || strings.Contains(err.Error(), "Bearer") {
			t.Errorf("%s: got %d, %v", name, n, err)
		}
	}
}

// TestSyslogTLS is RFC 5425, with a certificate of ours.
func TestSyslogTLS(t *testing.T) {
	a := newAuthority(t)
	l, err := tls.Listen("tcp", "127.0.0.1:0", a.server())
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	entries := written(t, 4)
	got, sent := make(chan []uint64, 1), make(chan struct{})
	go func() {
		conn, err := l.Accept()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		got <- octets(t, bufio.NewReader(conn), 2)
		<-sent // a connection that ends earlier has the batch sent again
	}()
	defer close(sent)
	d := newSyslog(t, SyslogSettings{Address: "tls://" + l.Addr().String(), TLSSettings: a.client()})
	deliver(t, d, entries[:2])
	if diff := cmp.Diff([]uint64{1, 2}, <-got); diff != "" {
		t.Error(diff)
	}
}

// proxy is a CONNECT proxy that wants a password.
type proxy struct {
	*httptest.Server
	connects atomic.Int32
}

func newProxy(t testing.TB) *proxy {
	t.Helper()
	p := &proxy{}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		want := "Basic " + base64.StdEncoding.EncodeToString([]byte("ada:s3cret"))
		if r.Method != http.MethodConnect || r.Header.Get("Proxy-Authorization") != want {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		p.connects.Add(1)
		p.tunnel(t, w, r.Host)
	}))
	t.Cleanup(p.Close)
	return p
}

func (p *proxy) tunnel(t testing.TB, w http.ResponseWriter, host string) {
	far, err := net.Dial("tcp", host)
	if err != nil {
		t.Error(err)
		return
	}
	defer far.Close()
	near, _, err := w.(http.Hijacker).Hijack()
	if err != nil {
		t.Error(err)
		return
	}
	defer near.Close()
	fmt.Fprint(near, "HTTP/1.1 200 Connection established\r\n\r\n")
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = io.Copy(far, near) // until one of them ends
		far.Close()
	}()
	_, _ = io.Copy(near, far)
	near.Close()
	<-done
}

func TestOTLPProxy(t *testing.T) {
	a := newAuthority(t)
	r := newReceiver(t)
	r.TLS = a.server()
	r.StartTLS()
	p := newProxy(t)
	s := r.settings()
	s.TLSSettings = a.client()
	entries := written(t, 2)
	s.ProxyFile = file(t, "proxy", strings.Replace(p.URL, "://", "://ada:s3cret@", 1))
	l, _ := newLogs(t, s)
	deliver(t, l, entries)
	if diff := cmp.Diff(times(entries, 1), r.got()); diff != "" || p.connects.Load() != 1 {
		t.Errorf("%d tunnels: %s", p.connects.Load(), diff)
	}
	s.ProxyFile = file(t, "wrong", strings.Replace(p.URL, "://", "://ada:wr0ng@", 1))
	l, _ = newLogs(t, s)
	if n, err := l.Deliver(context.Background(), entries); n != 0 || err == nil || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("got %d, %v", n, err)
	}
}

// TestOTLPEnvironment sets whatever the SDK knows: records and metrics go where the configuration says, all the same.
func TestOTLPEnvironment(t *testing.T) {
	trap := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("a request of %s", r.URL)
	}))
	defer trap.Close()
	a := newAuthority(t)
	elsewhere := a.client()
	for _, signal := range []string{"", "LOGS_", "METRICS_"} {
		for name, value := range map[string]string{
			"ENDPOINT": trap.URL + "/env", "HEADERS": "x-env=1", "INSECURE": "true", "COMPRESSION": "none", "TIMEOUT": "1",
			"CERTIFICATE": elsewhere.CAFile, "CLIENT_CERTIFICATE": elsewhere.CertFile, "CLIENT_KEY": elsewhere.KeyFile,
			"TEMPORALITY_PREFERENCE": "delta",
		} {
			t.Setenv("OTEL_EXPORTER_OTLP_"+signal+name, value)
		}
	}
	t.Setenv("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "1")
	t.Setenv("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "1")
	t.Setenv("OTEL_SERVICE_NAME", "env")
	t.Setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=test,host.id=env")
	t.Setenv("HTTP_PROXY", trap.URL)
	t.Setenv("HTTPS_PROXY", trap.URL)
	for _, secure := range []bool{false, true} {
		r := newReceiver(t)
		s := OTLPSettings{}
		if secure {
			r.TLS = a.server()
			r.StartTLS()
			s.TLSSettings = a.client()
		} else {
			r.Start()
		}
		s.Endpoint = r.URL
		l, _ := newLogs(t, s)
		entries := written(t, 2)
		deliver(t, l, entries)
		if diff := cmp.Diff(times(entries, 1), r.got()); diff != "" {
			t.Error(diff)
		}
		if r.headers.Get("X-Env") != "" || r.headers.Get("Content-Encoding") != "gzip" {
			t.Errorf("headers %v", r.headers)
		}
		checkOpen(t, r.records)
		resource := attributesOf(r.logs[0].GetResourceLogs()[0].GetResource().GetAttributes())
		if resource["service.name"].GetStringValue() != "lodoor" ||
			resource["host.id"].GetStringValue() != testFrom().Host.ID {
			t.Errorf("resource %v", resource)
		}
		exportOnce(t, s)
		if len(r.metrics) != 1 {
			t.Errorf("%d requests of metrics", len(r.metrics))
		}
	}
}
