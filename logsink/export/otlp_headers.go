package export

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/lodoor/lodoor/logsink/secret"
)

// maxHeaders is how long a file of headers may be, in bytes.
const maxHeaders = 64 << 10

// readHeaders reads lines "Name: value"; empty ones and those that begin with # are left out. No file has no headers.
// The errors do not have values in them.
func readHeaders(setting string) (http.Header, error) {
	if setting == "" {
		return nil, nil
	}
	path, err := secret.Path(setting)
	if err != nil {
		return nil, fmt.Errorf("headers_file: %w", err)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("headers_file: %w", err)
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxHeaders+1))
	if err != nil {
		return nil, fmt.Errorf("headers_file: %w", err)
	}
	if len(text) > maxHeaders {
		return nil, fmt.Errorf("headers_file %s: is longer than %d bytes", setting, maxHeaders)
	}
	h, err := parseHeaders(text)
	if err != nil {
		return nil, fmt.Errorf("headers_file %s: %w", setting, err)
	}
	return h, nil
}

func parseHeaders(text []byte) (http.Header, error) {
	h := http.Header{}
	lines := bufio.NewScanner(bytes.NewReader(text))
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, found := strings.Cut(line, ":")
		name, value = http.CanonicalHeaderKey(strings.TrimSpace(name)), strings.TrimSpace(value)
		switch {
		case !found || !httpguts.ValidHeaderFieldName(name):
			return nil, fmt.Errorf("line %d: expected NAME: VALUE", n)
		case !httpguts.ValidHeaderFieldValue(value):
			return nil, fmt.Errorf("line %d: the value of %s has a character that a header must not have", n, name)
		case reserved(name):
			return nil, fmt.Errorf("line %d: %s is set by lodoor: expected another header", n, name)
		}
		h.Add(name, value)
	}
	return h, lines.Err()
}

// reserved are the headers that say how the body is to be read, and for whom it is.
func reserved(name string) bool {
	switch name {
	case "Content-Type", "Content-Length", "Content-Encoding", "Transfer-Encoding", "Connection", "Host":
		return true
	default:
		return false
	}
}
