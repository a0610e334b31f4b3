//go:build !linux

package proxy

import (
	"errors"
	"os"
)

// inherited would be listening sockets that were handed over.
type inherited struct{}

func newInherited(files []*os.File) (inherited, error) {
	if len(files) > 0 {
		return inherited{}, errors.New("listening sockets can be handed over on Linux only")
	}
	return inherited{}, nil
}

func (*inherited) acceptor(*front, listenOptions) (*acceptor, error) { return nil, nil }

func (*inherited) unused(map[string]front) []string { return nil }
