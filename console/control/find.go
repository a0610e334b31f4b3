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
	"syscall"
)

// Place is a directory in which doors were looked for.
type Place struct {
	Dir string
	// Closed says why doors that may be there are none of this user's; empty when there was nothing in the way.
	Closed string
}

func (p Place) String() string {
	if p.Closed == "" {
		return p.Dir
	}
	return p.Dir + " (" + p.Closed + ")"
}

// closedError says why no door of this user can have its socket in a directory.
type closedError string

func (e closedError) Error() string { return string(e) }

// Find finds the doors of this user that run, by the name of their instance; root sees those of the system, too. It
// also says where it has looked. Sockets that doors have left when they died are passed over, and so are those of other
// users. The error tells of sockets that may be this user's doors' and could not be asked; those that could are found
// all the same.
func Find(ctx context.Context) ([]*Client, []Place, error) {
	var found []*Client
	var places []Place
	var errs []error
	for _, dir := range distinct(dirs()) {
		doors, closed, err := findIn(ctx, dir)
		found, errs = append(found, doors...), append(errs, err)
		places = append(places, Place{dir, closed})
	}
	slices.SortStableFunc(found, func(a, b *Client) int { return strings.Compare(a.Instance, b.Instance) })
	return found, places, errors.Join(errs...)
}

// distinct leaves out what is another name of a directory before it: its doors would be found twice.
func distinct(dirs []string) []string {
	var kept []string
	var seen []os.FileInfo
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		is := func(other os.FileInfo) bool { return os.SameFile(info, other) }
		if slices.Contains(kept, dir) || err == nil && slices.ContainsFunc(seen, is) {
			continue
		}
		kept = append(kept, dir)
		if err == nil {
			seen = append(seen, info)
		}
	}
	return kept
}

// findIn finds the doors whose sockets are in a directory.
func findIn(ctx context.Context, dir string) (found []*Client, closed string, err error) {
	paths, err := sockets(dir)
	var none closedError
	switch {
	case errors.Is(err, os.ErrPermission):
		return nil, "may not be read", nil
	case errors.As(err, &none):
		return nil, none.Error(), nil
	case err != nil:
		return nil, "", fmt.Errorf("look for doors: %w", err)
	}
	var errs []error
	for _, path := range paths {
		switch c, err := meet(ctx, path); {
		case err == nil:
			found = append(found, c)
		case errors.Is(err, os.ErrPermission): // its user alone may open a door's socket
			closed = filepath.Base(path) + " may not be opened"
		case errors.Is(err, context.DeadlineExceeded), ctx.Err() != nil:
			errs = append(errs, err)
		}
	}
	return found, closed, errors.Join(errs...)
}

// sockets are the paths of the sockets in a directory. Where there are any, nobody else can have put them there.
func sockets(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil, nil
	case errors.Is(err, syscall.ENOTDIR):
		return nil, closedError("is no directory")
	case err != nil:
		return nil, err // it names the directory
	}
	var paths []string
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), suffix) {
			paths = append(paths, filepath.Join(dir, e.Name()))
		}
	}
	if len(paths) == 0 {
		return nil, nil
	}
	return paths, checkOwner(dir, os.Geteuid() == 0)
}

// meet asks the door behind a socket who it is. One that was stopped takes the connection and says nothing.
func meet(ctx context.Context, path string) (*Client, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	c := newClient(path)
	return c, c.do(ctx, http.MethodGet, "/v1/door", nil, &c.About)
}
