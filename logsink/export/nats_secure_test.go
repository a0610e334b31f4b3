package export

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nkeys"
)

const natsPassword = "s3cret-of-ada"

// natsFile writes a file that only its owner reads.
func natsFile(t testing.TB, dir, name, text string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// natsCertificates writes ca.pem, and NAME.pem and NAME.key for a server and a client on 127.0.0.1.
func natsCertificates(t testing.TB, dir string) {
	t.Helper()
	var ca *x509.Certificate
	var caKey *ecdsa.PrivateKey
	for i, name := range []string{"ca", "server", "client"} {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		c := &x509.Certificate{
			SerialNumber: big.NewInt(int64(i) + 1), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
			IsCA: i == 0, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
			IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		}
		if ca == nil {
			ca, caKey = c, key
		}
		der, err := x509.CreateCertificate(rand.Reader, c, ca, &key.PublicKey, caKey)
		if err != nil {
			t.Fatal(err)
		}
		keyDER, err := x509.MarshalPKCS8PrivateKey(key)
		if err != nil {
			t.Fatal(err)
		}
		natsFile(t, dir, name+".pem", string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})))
		natsFile(t, dir, name+".key", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})))
	}
}

// natsTry publishes three records.
func natsTry(t testing.TB, settings NATSSettings) error {
	t.Helper()
	n := newTestNATS(t, settings)
	entries := natsMade("1", 1, 1, 3)
	_, err := n.Resume(t.Context(), entries[0].Identity.Journal)
	if err == nil {
		_, err = n.Deliver(t.Context(), entries)
	}
	return err
}

// TestNATSTLS: a server with a CA of its own, which wants certificates of its clients and a password.
func TestNATSTLS(t *testing.T) {
	dir := t.TempDir()
	natsCertificates(t, dir)
	s := startNATS(t, fmt.Sprintf(`
tls { cert_file: "%[1]s/server.pem", key_file: "%[1]s/server.key", ca_file: "%[1]s/ca.pem", verify: true }
authorization { user: ada, password: %[2]q }`, dir, natsPassword))
	good := s.settings()
	good.Servers = []string{fmt.Sprintf("tls://127.0.0.1:%d", s.port)}
	good.User, good.PasswordFile = "ada", natsFile(t, dir, "password", natsPassword+"\n")
	good.CAFile = filepath.Join(dir, "ca.pem")
	good.CertFile, good.KeyFile = filepath.Join(dir, "client.pem"), filepath.Join(dir, "client.key")
	for _, tc := range []struct {
		name, err string
		change    func(*NATSSettings)
	}{
		{"good", "", func(*NATSSettings) {}},
		{"password", "Authorization Violation", func(s *NATSSettings) {
			s.PasswordFile = natsFile(t, dir, "wrong", natsPassword+"x")
		}},
		{"no password", "password_file", func(s *NATSSettings) { s.PasswordFile = filepath.Join(dir, "none") }},
		{"unknown CA", "unknown authority", func(s *NATSSettings) { s.CAFile = "" }},
		{"no CA", "ca_file", func(s *NATSSettings) { s.CAFile = filepath.Join(dir, "none") }},
		{"no certificate", "tls", func(s *NATSSettings) { s.CertFile, s.KeyFile = "", "" }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			settings := good
			tc.change(&settings)
			err := natsTry(t, settings)
			if (err == nil) != (tc.err == "") || err != nil && !strings.Contains(err.Error(), tc.err) {
				t.Errorf("got %v, expected %q", err, tc.err)
			}
			if err != nil && strings.Contains(err.Error(), natsPassword) {
				t.Errorf("the error has the password: %v", err)
			}
		})
	}
	got := s.read(nats.UserInfo("ada", natsPassword), nats.RootCAs(good.CAFile), nats.ClientCert(good.CertFile, good.KeyFile))
	for _, records := range got {
		checkNATSOrder(t, records, natsMade("1", 1, 1, 3))
	}
	if len(got) != 1 {
		t.Errorf("the stream has %d journals", len(got))
	}
}

func TestNATSToken(t *testing.T) {
	s := startNATS(t, fmt.Sprintf("authorization { token: %q }", natsPassword))
	settings := s.settings()
	settings.TokenFile = natsFile(t, s.dir, "token", natsPassword)
	if err := natsTry(t, settings); err != nil {
		t.Error(err)
	}
	settings.TokenFile = natsFile(t, s.dir, "token", "another")
	if err := natsTry(t, settings); err == nil || !strings.Contains(err.Error(), "Authorization Violation") {
		t.Error(err)
	}
}

// natsClaim is a token as https://docs.nats.io/running-a-nats-service/configuration/securing_nats/auth_intro/jwt has it.
func natsClaim(t testing.TB, issuer nkeys.KeyPair, subject, kind string, claims map[string]any) string {
	t.Helper()
	by, err := issuer.PublicKey()
	if err != nil {
		t.Fatal(err)
	}
	claims["type"], claims["version"] = kind, 2
	body, err := json.Marshal(map[string]any{
		"jti": kind, "iat": time.Now().Unix(), "iss": by, "name": kind, "sub": subject, "nats": claims,
	})
	if err != nil {
		t.Fatal(err)
	}
	encode := base64.RawURLEncoding.EncodeToString
	signed := encode([]byte(`{"typ":"JWT","alg":"ed25519-nkey"}`)) + "." + encode(body)
	signature, err := issuer.Sign([]byte(signed))
	if err != nil {
		t.Fatal(err)
	}
	return signed + "." + encode(signature)
}

// TestNATSCredentials: a server of an operator, whose users have a token and a seed in a file.
func TestNATSCredentials(t *testing.T) {
	var pairs [4]nkeys.KeyPair // operator, account, system account, user
	var public [4]string
	for i, create := range []func() (nkeys.KeyPair, error){
		nkeys.CreateOperator, nkeys.CreateAccount, nkeys.CreateAccount, nkeys.CreateUser,
	} {
		var err error
		if pairs[i], err = create(); err != nil {
			t.Fatal(err)
		}
		if public[i], err = pairs[i].PublicKey(); err != nil {
			t.Fatal(err)
		}
	}
	limits := map[string]any{
		"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": true, "conn": -1, "leaf": -1,
	}
	system := natsClaim(t, pairs[0], public[2], "account", map[string]any{"limits": limits})
	limits["mem_storage"], limits["disk_storage"], limits["streams"], limits["consumer"] = -1, -1, -1, -1
	account := natsClaim(t, pairs[0], public[1], "account", map[string]any{"limits": limits})
	user := natsClaim(t, pairs[1], public[3], "user", map[string]any{"subs": -1, "data": -1, "payload": -1})
	dir := t.TempDir()
	operator := natsFile(t, dir, "operator.jwt", natsClaim(t, pairs[0], public[0], "operator", map[string]any{}))
	s := startNATS(t, fmt.Sprintf("operator: %q\nsystem_account: %s\nresolver: MEMORY\nresolver_preload: { %s: %s, %s: %s }",
		operator, public[2], public[1], account, public[2], system))
	seed, err := pairs[3].Seed()
	if err != nil {
		t.Fatal(err)
	}
	settings := s.settings()
	settings.CredentialsFile = natsFile(t, dir, "ada.creds", fmt.Sprintf("-----BEGIN NATS USER JWT-----\n%s\n"+
		"------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n", user, seed))
	if err := natsTry(t, settings); err != nil {
		t.Error(err)
	}
	settings.CredentialsFile = filepath.Join(dir, "none")
	if err := natsTry(t, settings); err == nil || !strings.Contains(err.Error(), "none") {
		t.Error(err)
	}
}
