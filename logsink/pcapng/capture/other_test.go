//go:build !linux

package capture_test

import (
	"errors"
	"testing"

	"github.com/lodoor/lodoor/logsink/pcapng/capture"
)

func TestUnsupported(t *testing.T) {
	if _, err := capture.New(capture.Config{}); !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}
