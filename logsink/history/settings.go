package history

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/lodoor/lodoor/logsink/secret"
	"github.com/lodoor/lodoor/proxy/flow"
)

// The stores.
const (
	StoreSQLite   = "sqlite"
	StorePostgres = "postgres"
	StoreOff      = "off"
)

// Settings are the history's part of the configuration. Zero values are the defaults named here.
type Settings struct {
	// Store is sqlite (the default), postgres or off.
	Store string `mapstructure:"store"`
	// URLFile is a file with PostgreSQL's URL on its first line, or "credential:NAME". A URL may hold a password.
	URLFile string `mapstructure:"url_file"`
	// URL is the URL itself; only from the environment. It comes before URLFile.
	URL string `mapstructure:"url"`
	// MaxAge is how long records are kept; 90 days.
	MaxAge time.Duration `mapstructure:"max_age"`
	// MaxSize is of the SQLite file, not of PostgreSQL; 1 GiB.
	MaxSize flow.Size `mapstructure:"max_size"`
}

const (
	defaultMaxAge  = 90 * 24 * time.Hour
	defaultMaxSize = flow.GiB
	smallestSize   = flow.MiB
)

// Off says that there is to be no history.
func (s Settings) Off() bool { return s.Store == StoreOff }

// Validate says which keys have impossible values, one a line. It reads no file and shows no URL.
func (s Settings) Validate() error {
	var errs []error
	switch s.Store {
	case "", StoreSQLite, StoreOff:
		if s.URLFile != "" || s.URL != "" {
			errs = append(errs, fmt.Errorf("store: a URL is given, and the store is %s: expected store: %s, or no URL",
				s.withDefaults().Store, StorePostgres))
		}
	case StorePostgres:
		if s.URLFile == "" && s.URL == "" {
			errs = append(errs, errors.New("url_file: expected a file with the URL of a PostgreSQL on its first line, "+
				"as in postgres://USER@HOST/DATABASE"))
		}
	default:
		errs = append(errs, fmt.Errorf("store: unknown store %q: expected one of %s", s.Store,
			strings.Join([]string{StoreSQLite, StorePostgres, StoreOff}, ", ")))
	}
	if s.URL != "" {
		if _, err := parseURL(s.URL); err != nil {
			errs = append(errs, fmt.Errorf("url: %w", err))
		}
	}
	if s.MaxAge < 0 {
		errs = append(errs, fmt.Errorf("max_age: %v is negative: expected a duration, or 0 for 90 days", s.MaxAge))
	}
	if s.MaxSize < 0 || s.MaxSize > 0 && s.MaxSize < smallestSize {
		errs = append(errs, fmt.Errorf("max_size: %d bytes are too few: expected at least %v, or 0 for %v", int64(s.MaxSize),
			smallestSize, defaultMaxSize))
	}
	return errors.Join(errs...)
}

func (s Settings) withDefaults() Settings {
	if s.Store == "" {
		s.Store = StoreSQLite
	}
	if s.MaxAge <= 0 {
		s.MaxAge = defaultMaxAge
	}
	if s.MaxSize <= 0 {
		s.MaxSize = defaultMaxSize
	}
	return s
}

// url is PostgreSQL's, wherever it comes from. The warning, empty when there is none, says that others can read it.
func (s Settings) url() (text, warning string, err error) {
	if s.URL != "" {
		return s.URL, "", nil
	}
	text, warning, err = secret.Line(s.URLFile)
	if err != nil {
		return "", "", fmt.Errorf("read the history's URL: %w", err)
	}
	return text, warning, nil
}
