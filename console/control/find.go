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
// Sockets that doors have left when they died are passed over.
func Find(ctx context.Context) ([]*Client, error) {
	var found []*Client
	for _, dir := range dirs() {
		paths, err := filepath.Glob(filepath.Join(escapeGlob(dir), "*"+suffix))
		if err != nil {
			return nil, fmt.Errorf("look for doors in %s: %w", dir, err)
		}
		if len(paths) > 0 {
			if err := checkOwner(dir); err != nil {
				return nil, fmt.Errorf("look for doors: %w", err)
			}
		}
		for _, path := range paths {
			c := newClient(path)
			if err := c.do(ctx, http.MethodGet, "/v1/door", &c.About); err == nil {
				found = append(found, c)
			} else if errors.Is(err, os.ErrPermission) {
				return nil, err
			}
		}
	}
	slices.SortFunc(found, func(a, b *Client) int { return strings.Compare(a.Instance, b.Instance) })
	return found, nil
}

// escapeGlob makes a path mean itself in a pattern.
func escapeGlob(path string) string {
	if os.PathSeparator == '\\' {
		return path // there the patterns have no escapes
	}
	return strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`).Replace(path)
}
