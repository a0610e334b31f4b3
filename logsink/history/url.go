package history

import (
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

const connectTimeout = 10 * time.Second

// parseURL reads PostgreSQL's URL with the options that libpq has. Its errors show nothing of the URL, in which even
// what is wrong may be a password.
func parseURL(text string) (*pgx.ConnConfig, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" {
		return nil, errors.New("it is not a URL of a PostgreSQL: expected postgres://USER:PASSWORD@HOST:PORT/DATABASE " +
			"(special characters as %XX)")
	}
	c, err := pgx.ParseConfig(text)
	if err != nil {
		return nil, errors.New("PostgreSQL's URL cannot be used: " + reason(err, u))
	}
	if c.ConnectTimeout <= 0 {
		c.ConnectTimeout = connectTimeout
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "lodoor"
	}
	return c, nil
}

// reason is the innermost error, which does not repeat the URL, and in doubt none.
func reason(err error, u *url.URL) string {
	for next := errors.Unwrap(err); next != nil; next = errors.Unwrap(err) {
		err = next
	}
	text := err.Error()
	if strings.Contains(text, "://") || hasSecret(text, u) {
		return "expected postgres://USER:PASSWORD@HOST:PORT/DATABASE, with the options that libpq has"
	}
	return text
}

func hasSecret(text string, u *url.URL) bool {
	password, _ := u.User.Password()
	for _, secret := range []string{password, u.Query().Get("password"), u.Query().Get("sslpassword")} {
		if secret != "" && strings.Contains(text, secret) {
			return true
		}
	}
	return false
}
