package parse

import (
	"maps"
	"testing"
)

func TestPerfTrace(t *testing.T) {
	const summary = `
 Summary of events:

 relay (17001), 1286 events, 1.7%

   syscall            calls  errors  total       min       avg       max       stddev
                                     (msec)    (msec)    (msec)    (msec)        (%)
   --------------- --------  ------ -------- --------- --------- ---------     ------
   nanosleep            345      0  2955.783     0.110     8.567    14.029      2.39%
   futex                  3      2   477.910     0.000   159.303   477.804     99.97%

 relay (17003), 40378 events, 53.4%

   futex                 68      0   474.691     0.010     6.981   267.814     57.24%
   sendto              6549      0   219.544     0.011     0.034     0.532      0.88%
`
	want := map[string]int{"nanosleep": 345, "futex": 71, "sendto": 6549}
	if got := PerfTrace(summary); !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := PerfTrace("no table"); len(got) != 0 {
		t.Errorf("of no table %v", got)
	}
}
