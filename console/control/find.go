package control

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Find finds the doors of this user that run, by the name of their instance; root sees those of the system, too.
// Sockets that doors have left when they died are passed over. The error tells of sockets that may be doors' and could
// not be asked; those that could are found all the same.
func Find(ctx context.Context) ([]*Client, error) {
	var found []*Client
	var errs []error
	for _, dir := range dirs() {
		paths, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*"+suffix))
		if err == nil && len(paths) > 0 {
			err = checkOwner(dir, os.Geteuid() == 0)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("look for doors: %w", err))
			continue
		}
		for _, path := range paths {
			switch c, err := meet(ctx, path); {
			case err == nil:
				found = append(found, c)
			case errors.Is(err, os.ErrPermission), errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil:
				errs = append(errs, err)
			}
		}
	}
	slices.SortFunc(found, func(a, b *Client) int { return strings.Compare(a.Instance, b.Instance) })
	return found, errors.Join(errs...)
}

// meet asks the door behind a socket who it is. One that was stopped takes the connection and says nothing.
func meet(ctx context.Context, path string) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c := newClient(path)
	return c, c.do(ctx, http.MethodGet, "/v1/door", nil, &c.About)
}

// escapeGlob makes a path mean itself in a pattern.
func escapeGlob(path string) string {
	if os.PathSeparator == '\\' {
		return path // there the patterns have no escapes
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
