// Package parse reads what the load tools and strace print.
package parse

import (
	"encoding/json"
	"errors"
	"fmt"
)

// Bulk is what iperf3 moved.
type Bulk struct {
	// Bytes that arrived, of all streams.
	Bytes float64
	// BytesPerSecond is their rate over the receiver's time.
	BytesPerSecond float64
}

// Iperf3 reads the report of iperf3 --json.
func Iperf3(report []byte) (Bulk, error) {
	var r struct {
		Error string `json:"error"`
		End   struct {
			Received struct {
				Bytes         float64 `json:"bytes"`
				BitsPerSecond float64 `json:"bits_per_second"`
			} `json:"sum_received"`
		} `json:"end"`
	}
	if err := json.Unmarshal(report, &r); err != nil {
		return Bulk{}, fmt.Errorf("read the report of iperf3: %w", err)
	}
	if r.Error != "" {
		return Bulk{}, fmt.Errorf("iperf3 reports: %s", r.Error)
	}
	b := Bulk{Bytes: r.End.Received.Bytes, BytesPerSecond: r.End.Received.BitsPerSecond / 8}
	if b.Bytes <= 0 || b.BytesPerSecond <= 0 {
		return Bulk{}, errors.New("iperf3 reports that nothing arrived")
	}
	return b, nil
}
