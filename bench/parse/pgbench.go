package parse

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// PgBench reads the transactions per second, without the time that connecting took, from the output of pgbench.
func PgBench(output string) (float64, error) {
	for line := range strings.Lines(output) {
		rest, ok := strings.CutPrefix(line, "tps = ")
		if !ok || strings.Contains(rest, "(including") { // PostgreSQL up to 13 prints both
			continue
		}
		number, _, _ := strings.Cut(rest, " ")
		tps, err := strconv.ParseFloat(number, 64)
		if err != nil {
			return 0, fmt.Errorf("read the output of pgbench: %w", err)
		}
		return tps, nil
	}
	return 0, errors.New("pgbench printed no tps")
}
