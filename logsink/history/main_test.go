package history_test

import (
	"context"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/lodoor/lodoor/logsink/history"
)

// feedDir makes the test binary a program that feeds the history of a directory until it is killed.
const feedDir = "LODOOR_TEST_FEED_HISTORY"

func TestMain(m *testing.M) {
	if dir := os.Getenv(feedDir); dir != "" {
		fmt.Fprintln(os.Stderr, feed(dir))
		os.Exit(1)
	}
	if dir := os.Getenv(readDir); dir != "" {
		if err := readAll(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

// readDir makes the test binary a program that reads the history of a directory.
const readDir = "LODOOR_TEST_READ_HISTORY"

func readAll(dir string) error {
	ctx := context.Background()
	r, err := history.OpenReader(ctx, dir)
	if err != nil {
		return err
	}
	n := 0
	for _, err := range r.Records(ctx, history.Filter{}) {
		if err != nil {
			return err
		}
		n++
	}
	fmt.Fprintln(os.Stdout, n, "records")
	return r.Close()
}
