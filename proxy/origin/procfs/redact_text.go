package procfs

import (
	"slices"
	"strconv"
	"strings"
)

// redactText hides the secrets in one argument, wherever they stand: addresses' passwords, "name=secret" and
// "name: secret", and keys that are known by how they begin. Where one stands behind percent signs all of it goes.
func redactText(s string) string {
	const longest = 16 << 10 // what is longer is no use to anybody, and looking through it would take long
	if len(s) > longest || knownKey(s) {
		return hidden
	}
	clean := redactNamed(redactAddresses(s))
	const rounds = 4 // of encoding what is encoded
	for plain, round := clean, 0; ; round++ {
		next := unescape(plain)
		switch {
		case next == plain:
			return clean
		case round == rounds, knownKey(next), redactNamed(redactAddresses(next)) != next:
			return hidden
		}
		plain = next
	}
}

// unescape decodes percent signs. It fails never: what is no code stays.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// knownKey says whether s has a key in it that its issuer marks as one.
func knownKey(s string) bool {
	return slices.ContainsFunc([]string{
		"ghp_", "gho_", "ghs_", "ghu_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "sk_live_", "sk_test_", "rk_live_",
		"sk-ant-", "sk-proj-", "AKIA", "AIzaSy", "hvs.", "dop_v1_", "eyJhbGci", "-----BEGIN ",
	}, func(prefix string) bool { return strings.Contains(s, prefix) })
}

// redactAddresses hides the passwords of URLs and of "user:password@host".
func redactAddresses(s string) string {
	if !strings.Contains(s, "@") {
		return s
	}
	var b strings.Builder
	for {
		n := strings.IndexAny(s, " \t\r\n\"'`<>")
		if n < 0 {
			return b.String() + redactAddress(s)
		}
		b.WriteString(redactAddress(s[:n]) + s[n:n+1])
		s = s[n+1:]
	}
}

// redactAddress hides the password in one word. It may hold a slash and an @ that nobody encoded, so that all up to the
// last @ goes. Over HTTP a user without a password is a token.
func redactAddress(word string) string {
	at, begin := strings.LastIndexByte(word, '@'), strings.Index(word, "://")
	web := false
	switch {
	case at < 0:
		return word
	case begin < 0 || begin > at:
		begin = 0
	default:
		web = strings.HasSuffix(strings.ToLower(word[:begin]), "http") || strings.HasSuffix(strings.ToLower(word[:begin]), "https")
		begin += len("://")
	}
	user, password, ok := strings.Cut(word[begin:at], ":")
	switch {
	case web && (password == "" || strings.HasPrefix(password, "x-oauth")):
		return word[:begin] + hidden + word[at:]
	case ok:
		return word[:begin] + user + ":" + hidden + word[at:]
	default:
		return word
	}
}

// redactNamed hides what stands behind names that sound like secrets.
func redactNamed(s string) string {
	var b strings.Builder
	for from := 0; ; from++ {
		n := strings.IndexAny(s[from:], "=:")
		if n < 0 {
			return b.String() + s
		}
		from += n
		begin, ok := secretName(s, from)
		if !ok {
			continue
		}
		header := s[from] == ':'
		for from < len(s) && strings.IndexByte("=: ", s[from]) >= 0 {
			from++
		}
		if from == len(s) {
			return b.String() + s
		}
		if header { // "Authorization: Bearer x", or JSON
			return b.String() + s[:from] + hidden
		}
		end := from + secretEnd(s[:begin], s[from:])
		b.WriteString(s[:from] + hidden)
		s, from = s[end:], -1
	}
}

// secretName is where the name before s[end] begins, and whether it sounds like a secret's. It may be quoted, as in JSON.
func secretName(s string, end int) (begin int, ok bool) {
	name := strings.TrimRight(s[:end], "\"'\\ +?!")
	begin = strings.LastIndexFunc(name, func(r rune) bool {
		return r < 0x80 && r != '-' && r != '_' && r != '.' &&
			(r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
	}) + 1
	return begin, soundsSecret(name[begin:])
}

// secretEnd is how long the secret at the beginning of s is, given what stands before its name: in an address up to the
// next &, among words up to the next space that is not quoted, and otherwise to the end.
func secretEnd(before, s string) int {
	words := strings.TrimRight(before, " \t\n")
	switch {
	case words == "", words == before && !strings.HasSuffix(before, "?") && !strings.HasSuffix(before, "&"):
	case words != before && !strings.HasSuffix(words, ";") && !strings.HasSuffix(words, ","):
		return shellWord(s)
	case words == before:
		if n := strings.IndexAny(s, "&#"); n >= 0 {
			return n
		}
	}
	return len(s)
}

// shellWord is how long the first word is, as a shell and libpq read it: quotes and backslashes hold spaces.
func shellWord(s string) int {
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quote != '\'':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && (c == ' ' || c == '\t' || c == '\n'):
			return i
		}
	}
	return len(s)
}

// soundsSecret says whether a name is one that secrets are given under: PGPASSWORD, api-key, sslpassword, authToken.
func soundsSecret(name string) bool {
	name = strings.ToLower(name)
	if slices.ContainsFunc([]string{
		"pass", "pwd", "secret", "token", "credential", "apikey", "accesskey", "privatekey", "authoriz", "oauth", "bearer",
		"cookie", "from-literal", "cryptkey", "signature", "identified", // CREATE USER u IDENTIFIED BY 'x'
	}, func(part string) bool { return strings.Contains(name, part) }) {
		return true
	}
	words := strings.FieldsFunc(name, func(r rune) bool { return (r < 'a' || r > 'z') && r < 0x80 })
	return slices.ContainsFunc(words, func(word string) bool {
		switch word {
		case "pw", "keys", "cred", "creds", "jwt", "sig", "otp", "totp", "pin", "psk", "sas", "dsn", "seed", "mnemonic":
			return true
		}
		return strings.HasSuffix(word, "key") || strings.HasSuffix(word, "auth") ||
			strings.HasPrefix(word, "auth") && !strings.HasPrefix(word, "author")
	})
}
