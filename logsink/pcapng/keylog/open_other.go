//go:build !unix

package keylog

const openFlags = 0
