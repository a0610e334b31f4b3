package parse

import (
	"encoding/csv"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Requests is what redis-benchmark measured of one command.
type Requests struct {
	PerSecond float64
	P50, P99  time.Duration
}

// RedisBenchmark reads the output of redis-benchmark --csv for one command. Its latencies are in whole microseconds.
func RedisBenchmark(output, command string) (Requests, error) {
	rows, err := csv.NewReader(strings.NewReader(output)).ReadAll()
	if err != nil {
		return Requests{}, fmt.Errorf("read the output of redis-benchmark: %w", err)
	}
	if len(rows) == 0 {
		return Requests{}, errors.New("redis-benchmark printed nothing")
	}
	for _, row := range rows[1:] {
		if row[0] != command {
			continue
		}
		numbers, err := columns(rows[0], row, "rps", "p50_latency_ms", "p99_latency_ms")
		if err != nil {
			return Requests{}, fmt.Errorf("read the output of redis-benchmark: %w", err)
		}
		return Requests{PerSecond: numbers[0], P50: milliseconds(numbers[1]), P99: milliseconds(numbers[2])}, nil
	}
	return Requests{}, fmt.Errorf("redis-benchmark has no row for %s", command)
}

func milliseconds(ms float64) time.Duration { return time.Duration(ms * float64(time.Millisecond)) }

// columns are the numbers of row below the named heads.
func columns(heads, row []string, names ...string) ([]float64, error) {
	at := make(map[string]string, len(heads))
	for i, head := range heads {
		at[head] = row[i]
	}
	numbers := make([]float64, len(names))
	for i, name := range names {
		n, err := strconv.ParseFloat(at[name], 64)
		if err != nil {
			return nil, fmt.Errorf("column %s: %w", name, err)
		}
		numbers[i] = n
	}
	return numbers, nil
}
