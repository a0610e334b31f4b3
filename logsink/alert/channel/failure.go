package channel

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"syscall"
	"time"
)

var errUnknown = errors.New("it could not be reached, or did not answer in HTTP")

// answerError is an answer other than 2xx.
type answerError struct {
	code  int
	after time.Duration // Retry-After; 0 when it was not said in seconds
}

func (e *answerError) Error() string {
	words := strconv.Itoa(e.code) + " " + http.StatusText(e.code)
	if e.code/100 == 3 {
		return "it answered " + words + "; redirects are not followed"
	}
	return "it answered " + words
}

// RetryAfter is what the receiver asked for; see journal.Waiter.
func (e *answerError) RetryAfter() time.Duration { return e.after }

// final says whether asking again is of no use.
func (e *answerError) final() bool {
	switch e.code {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return false
	default:
		return e.code < http.StatusInternalServerError
	}
}

// describe says why a delivery failed, in words that have no part of the URL in them: what net/http and below say may
// name host, port and path. Only what is known to be harmless is passed on.
func describe(err error, timeout time.Duration) error {
	var (
		dns     *net.DNSError
		errno   syscall.Errno
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		alert   tls.AlertError
		network net.Error
	)
	switch {
	case errors.Is(err, context.Canceled):
		return context.Canceled
	case errors.As(err, &dns):
		return errors.New("its host name could not be resolved")
	case errors.As(err, &unknown):
		return errors.New("its certificate is signed by an unknown authority")
	case errors.As(err, &name):
		return errors.New("its certificate is for another name")
	case errors.As(err, &invalid):
		return errors.New("its certificate is not valid (expired, or not for this use)")
	case errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return errors.New("it does not speak TLS")
	case errors.As(err, &alert):
		return fmt.Errorf("TLS: %s", alert.Error())
	case errors.As(err, &network) && network.Timeout():
		return fmt.Errorf("it did not answer within %v", timeout)
	case errors.As(err, &errno):
		return errno
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("it closed the connection without an answer")
	default:
		return errUnknown
	}
}
