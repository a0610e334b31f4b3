// Package proxyproto reads the header in which a proxy says for whom it speaks: the PROXY protocol, versions 1 and 2
// (https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt). It reads no header but of a peer that is trusted.
//
// The parser is our own, and small, since a header is read from bytes of which more may have to come, and the byte
// behind it is the backend's. github.com/pires/go-proxyproto reads from a bufio.Reader, does not tell a header that is
// not whole from one that is malformed, refuses clients of an unspecified family, does not compare checksums, and
// keeps its bounds in variables of the package. The tests hold the two side by side.
package proxyproto
