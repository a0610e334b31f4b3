package http

import "strings"

// secretField says whether a field's value is a secret, by its name in lower case.
func secretField(name string) bool {
	switch name {
	case "www-authenticate", "proxy-authenticate": // what the server asks for
		return false
	}
	return has(name, "auth", "token", "secret", "passw", "cookie", "credential", "signature", "session", "api-key", "apikey",
		"api_key", "access-key", "private-key", "csrf", "xsrf", "jwt")
}

// secretName says whether the value of a parameter or a member is a secret, by its name in lower case.
func secretName(name string) bool {
	switch name {
	case "key", "sig", "code", "sid", "pass", "pw", "pwd", "jwt", "otp", "pin", "auth", "apikey", "authorization":
		return true
	}
	return has(name, "token", "secret", "passw", "api_key", "api-key", "apikey", "access_key", "accesskey", "private_key",
		"credential", "signature", "session", "client_assertion")
}

func has(name string, parts ...string) bool {
	for _, part := range parts {
		if strings.Contains(name, part) {
			return true
		}
	}
	return false
}

// scheme is the authentication that a field's value begins with, in lower case.
func scheme(value []byte) string {
	word, _, ok := strings.Cut(string(value), " ")
	word = strings.ToLower(word)
	for _, known := range schemes() {
		if word == known {
			return word
		}
	}
	if !ok && word == "" {
		return ""
	}
	return "other"
}

// schemes are those of IANA's registry of HTTP authentication schemes, and two that many servers know.
func schemes() [15]string {
	return [...]string{
		"basic", "bearer", "concealed", "digest", "dpop", "gnap", "hoba", "mutual", "negotiate", "privatetoken", "scram-sha-1",
		"scram-sha-256", "vapid", "ntlm", "aws4-hmac-sha256",
	}
}

// secretCover overwrites the value of a field that is a secret. The word that names the scheme stays, and so does what
// separates parts.
type secretCover struct {
	authorization bool
	at            int // of the value's first word
	alive         uint32
	open          bool // past the blanks before the value
}

func (c *secretCover) start(authorization bool) {
	*c = secretCover{authorization: authorization, alive: ^uint32(0)}
}

func (c *secretCover) mask(b []byte) {
	for i, ch := range b {
		if separator(ch) && (c.open || ch == ' ' || ch == '\t') {
			c.authorization = c.authorization && !c.open
			continue
		}
		c.open = true
		if !c.authorization || !c.keyword(ch) {
			b[i] = masked
		}
	}
}

// keyword says whether a scheme can begin with what came, the next byte included.
func (c *secretCover) keyword(b byte) bool {
	if 'A' <= b && b <= 'Z' {
		b += 'a' - 'A'
	}
	var still uint32
	for i, s := range schemes() {
		if c.alive&(1<<i) != 0 && c.at < len(s) && s[c.at] == b {
			still |= 1 << i
		}
	}
	c.at++
	c.alive = still
	return still != 0
}

func separator(c byte) bool {
	return c == ' ' || c == '\t' || c == ';' || c == ',' || c == '=' || c == '"'
}

const masked = 'x'

func fill(b []byte) {
	for i := range b {
		b[i] = masked
	}
}
