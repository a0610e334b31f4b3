package parse

import (
	"encoding/json"
	"fmt"
	"strings"
)

// Named counts the sessions that have ended in lodoor's lines, and those of them whose process was found. What is not
// a session's, such as the words at the start, and a last line that is not whole are passed over.
func Named(lines string) (named, ended int, err error) {
	for line := range strings.Lines(lines) {
		if !strings.Contains(line, `"event":"session.close"`) || !strings.HasSuffix(line, "\n") {
			continue
		}
		var record struct {
			Process struct {
				PID int `json:"pid"`
			} `json:"process"`
		}
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			return 0, 0, fmt.Errorf("read lodoor's line %q: %w", line, err)
		}
		ended++
		if record.Process.PID > 0 {
			named++
		}
	}
	return named, ended, nil
}
