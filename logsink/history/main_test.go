package history_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// feedDir makes the test binary a program that feeds the history of a directory until it is killed.
const feedDir = "LODOOR_TEST_FEED_HISTORY"

func TestMain(m *testing.M) {
	if dir := os.Getenv(feedDir); dir != "" {
		fmt.Fprintln(os.Stderr, feed(dir))
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}
