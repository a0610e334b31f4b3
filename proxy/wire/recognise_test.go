package wire

import (
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

func TestRecognise(t *testing.T) {
	for _, c := range []struct {
		dir   flow.Direction
		first string
		want  string
	}{
		{flow.FromClient, "\x00\x00\x00\x08\x04\xd2\x16\x2f", protocolPostgres},     // SSLRequest
		{flow.FromClient, "\x00\x00\x00\x08\x04\xd2\x16\x30", protocolPostgres},     // GSSENCRequest
		{flow.FromClient, "\x00\x00\x00\x10\x04\xd2\x16\x2e????", protocolPostgres}, // CancelRequest
		{flow.FromClient, "\x00\x00\x00\x52\x00\x03\x00\x00user", protocolPostgres},
		{flow.FromClient, "\x00\x00\x00\x52\x00\x03\x00\x02user", protocolPostgres},
		{flow.FromClient, "\x00\x00\x00\x52\x00\x02\x00\x00user", foundNothing},
		{flow.FromClient, "\x16\x03\x01\x02\x00", foundTLS},
		{flow.FromClient, "*1\r\n$4\r\nPING\r\n", protocolRedis},
		{flow.FromClient, "*x", foundNothing},
		{flow.FromClient, "ping\r\n", protocolRedis},
		{flow.FromClient, "AUTH secret\r\n", protocolRedis},
		{flow.FromClient, "GET key\r\n", protocolRedis},
		{flow.FromClient, "GET / HTTP/1.1\r\n", protocolHTTP},
		{flow.FromClient, "GET http://a/ HTTP/1.1\r\n", protocolHTTP},
		{flow.FromClient, "PROPFIND /x HTTP/1.1\r\n", protocolHTTP},
		{flow.FromClient, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", foundNothing},
		{flow.FromClient, "SSH-2.0-OpenSSH", foundNothing},
		{flow.FromClient, "aaaaaaaaaaaaaaaaaaaaaaaa", foundNothing},
		{flow.FromBackend, "\x4a\x00\x00\x00\x0a8.0.36\x00", protocolMySQL},
		{flow.FromBackend, "\x4a\x00\x00\x00\xff\x10\x04", protocolMySQL},
		{flow.FromBackend, "220 mail ESMTP", foundNothing},
	} {
		if got := recognise(c.dir, []byte(c.first)[:min(len(c.first), recogniseMax)]); got != c.want {
			t.Errorf("%q: %q, want %q", c.first, got, c.want)
		}
		// However few bytes there are, the answer is the same or still to come.
		decided := ""
		for n := range min(len(c.first), recogniseMax) + 1 {
			got := recognise(c.dir, []byte(c.first)[:n])
			if decided != "" && got != decided || got != "" && got != c.want {
				t.Errorf("%q: %q after %d bytes, %q before", c.first, got, n, decided)
			}
			decided = got
		}
	}
}

// TestNothingSecretBeforeRecognition: what a redactor lets pass before it knows the protocol holds no part of a secret.
func TestNothingSecretBeforeRecognition(t *testing.T) {
	for first, secret := range map[string]int{
		"AUTH geheim\r\n":                        len("AUTH "),
		"*2\r\n$4\r\nAUTH\r\n$6\r\ngeheim\r\n":   len("*2\r\n$4\r\nAUTH\r\n"),
		"GET /?token=geheim HTTP/1.1\r\n":        len("GET /?token="),
		"POST /?token=geheim HTTP/1.1\r\n":       len("POST /?token="),
		"HELLO 3 AUTH default geheim\r\n":        len("HELLO 3 AUTH "),
		"CONFIG SET requirepass geheim\r\n":      len("CONFIG SET "),
		"GET http://u:geheim@h/ HTTP/1.1\r\n":    len("GET http://u:"),
		"OPTIONS http://u:geheim@h HTTP/1.1\r\n": len("OPTIONS "),
	} {
		n := 0
		for recognise(flow.FromClient, []byte(first)[:n]) == "" {
			n++
		}
		if n > secret {
			t.Errorf("%q is recognised after %d bytes, the secret begins after %d", first, n, secret)
		}
	}
}
