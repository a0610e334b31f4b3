package channel_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain names a proxy that nobody is: net/http asks the environment once in a process, if it asks at all.
func TestMain(m *testing.M) {
	for _, name := range []string{"HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy"} {
		if err := os.Setenv(name, "http://127.0.0.1:1"); err != nil {
			panic(err)
		}
	}
	goleak.VerifyTestMain(m)
}
