// Package origin finds out who is behind a socket: which process holds it and whose it is.
package origin
