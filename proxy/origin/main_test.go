package origin

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs the tests or, in a child of theirs, what the child is for.
func TestMain(m *testing.M) {
	if role := os.Getenv(roleVariable); role != "" {
		os.Exit(play(role))
	}
	goleak.VerifyTestMain(m)
}
