package store_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// crashDir makes the test binary a writer of recordings in that directory, which never ends by itself.
const crashDir = "LODOOR_TEST_STORE_DIR"

func TestMain(m *testing.M) {
	if dir := os.Getenv(crashDir); dir != "" {
		if err := crashChild(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
