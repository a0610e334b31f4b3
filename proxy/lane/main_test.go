package lane_test

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// TestMain lets the suite's networks run beside each other on few processors, too: most of the time they wait.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "5"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}
