package main

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/lodoor/lodoor/internal/testkit"
)

// site is a running nginx with the files small and large.
type site struct {
	port int
	cert string // what it shows to clients; empty without TLS
}

// nginx starts one on a port of 127.0.0.1, with TLS when a version of it is named.
func nginx(t *testing.T, tls string) site {
	t.Helper()
	testkit.Need(t, "nginx", "curl")
	dir := t.TempDir()
	s := site{port: testkit.FreePort(t)}
	listen := strconv.Itoa(s.port)
	if tls != "" {
		cert, key := certificate(t, dir)
		listen += fmt.Sprintf(" ssl; ssl_certificate %s; ssl_certificate_key %s; ssl_protocols %s", cert, key, tls)
		s.cert = cert
	}
	for name, size := range map[string]int{"small": 100, "large": 3 << 20} {
		if err := os.WriteFile(filepath.Join(dir, name), bytes.Repeat([]byte("0123456789"), size/10), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	config := filepath.Join(dir, "nginx.conf")
	text := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log stderr; events {}
http { access_log off; client_body_temp_path %[1]s/body; proxy_temp_path %[1]s/proxy; fastcgi_temp_path %[1]s/fastcgi;
uwsgi_temp_path %[1]s/uwsgi; scgi_temp_path %[1]s/scgi; server { listen 127.0.0.1:%[2]s; root %[1]s; } }`, dir, listen)
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	child := testkit.Start(t, exec.Command(testkit.Program(t, "nginx"), "-e", "stderr", "-c", config, "-p", dir))
	testkit.Wait(t, "nginx to start", func() bool {
		c, err := net.Dial("tcp", "127.0.0.1:"+strconv.Itoa(s.port))
		if err == nil {
			_ = c.Close()
		}
		return err == nil || child.Exited()
	}, 20*time.Second)
	if child.Exited() {
		t.Fatalf("nginx: %s", child.Stderr())
	}
	return s
}

// certificate makes one for localhost and 127.0.0.1.
func certificate(t *testing.T, dir string) (cert, key string) {
	t.Helper()
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	testkit.Run(t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj",
		"/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", key, "-out", cert)
	return cert, key
}
