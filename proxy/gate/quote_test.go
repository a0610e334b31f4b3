package gate

import (
	"strings"
	"testing"

	"github.com/lodoor/lodoor/proxy/flow"
)

// What a client is refused for is told without what may be a secret.
func TestReasonsHaveNoSecrets(t *testing.T) {
	const secret = "Zq7Wxm2R"
	for _, tc := range []struct{ name, stream, told string }{
		{"user information", "GET http://u:SECRET@localhost/ HTTP/1.1\r\n" + hostLine + "\r\n", `"GET http://...@localhost/ HTTP/1.1"`},
		{"user information of an authority", "GET u:SECRET@localhost HTTP/1.1\r\n" + hostLine + "\r\n", `"GET ...@localhost HTTP/1.1"`},
		{"a tunnel", "CONNECT u:SECRET@h:443 HTTP/1.1\r\n\r\n", `"CONNECT ...@h:443 HTTP/1.1"`},
		{"parameters", "GET /a?token=SECRET HTTP/1.7\r\n\r\n", `"GET /a?... HTTP/1.7"`},
		{"a fragment", "GET /a#access_token=SECRET HTTP/1.7\r\n\r\n", `"GET /a#... HTTP/1.7"`},
		{"HTTP/0.9", "GET /a?token=SECRET\r\n", `"GET /a?..."`},
		{"a line that ends with LF", "GET /a?token=SECRET HTTP/1.1\nHost: a\n\n", `"GET /a?... HTTP/1.1\n"`},
		{"a header that ends with LF", request("Host: localhost:62893", "Authorization: Bearer SECRET\nX: y"), `"Authorization:..."`},
		{"a folded header", request("Host: localhost:62893", "Authorization: Basic", " SECRET"), `" ..."`},
		{"a name with a space", request("Host: localhost:62893", "Authorization : Bearer SECRET"), `"Authorization ..."`},
		{"no name", request("Host: localhost:62893", "Authorization=SECRET"), `"Authorization=..."`},
		{"a control character", request("Host: localhost:62893", "Cookie: a=SECRET\x01"), `"Cookie:..."`},
		{"a host", request("Host: u:SECRET@h"), `"...@h"`},
		{"two origins", request("Host: localhost:62893", "Origin: http://u:SECRET@h", "Origin: http://v:SECRET@h"), `"http://...@h"`},
		{"the end within a head", "GET /a?token=SECRET HTTP/1.1\r\nAuthorization: Bearer SEC", `"GET /a?... HTTP/1.1\r\n"`},
		{"Redis, inline", "AUTH SECRET\r\n", `"AUTH ..."`},
		{"a database's text", "LOGIN alice SECRET\r\n", `"LOGIN ..."`},
	} {
		stream := strings.ReplaceAll(tc.stream, "SECRET", secret)
		for _, pieces := range [][]string{{stream}, bytewise(stream)} {
			r := feed(t, web(t).Gate(front()), pieces, true)
			if r.refuse == nil {
				t.Fatalf("%s: passes", tc.name)
			}
			if reason := r.refuse.Reason; strings.Contains(reason, secret) || !strings.Contains(reason, tc.told) {
				t.Errorf("%s: %s; expected %s in it", tc.name, reason, tc.told)
			}
		}
	}
}

// So is a request at the door of a database.
func TestReasonsAtADatabaseHaveNoSecrets(t *testing.T) {
	const secret = "Zq7Wxm2R"
	g := guard(t, Config{Protocol: "redis", Service: "kv"})
	for told, stream := range map[string]string{
		`"GET /a?... HTTP/1.1"`: "GET /a?token=" + secret + " HTTP/1.1\r\nHost: localhost:6379\r\n\r\n",
		`Host "...@h"`:          "GET / HTTP/1.1\r\nHost: u:" + secret + "@h\r\nOrigin: http://u:" + secret + "@h\r\n\r\n",
	} {
		r := feed(t, g.Gate(front()), []string{stream}, true)
		if r.refuse == nil || r.refuse.Cause != flow.CauseProtocol {
			t.Fatalf("%q: %+v", stream, r.refuse)
		}
		if reason := r.refuse.Reason; strings.Contains(reason, secret) || !strings.Contains(reason, told) {
			t.Errorf("%s; expected %s in it", reason, told)
		}
	}
}
