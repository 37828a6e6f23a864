package demo

import (
	"math/bits"
	"time"
)

// latencies counts durations in buckets that are 1/64 of their power of two wide, so that a quantile is at most 1.6 %
// off. It never grows; the zero value is ready.
type latencies struct {
	buckets [64 * 36]int // Up to 73 minutes; longer ones count as that.
	n       int
}

func (l *latencies) add(d time.Duration) {
	l.buckets[bucketOf(d)]++
	l.n++
}

// quantile is the upper end of the bucket that holds the q-th part, 0 < q ≤ 1; 0 when there are none.
func (l *latencies) quantile(q float64) time.Duration {
	if l.n == 0 {
		return 0
	}
	rank := int(q*float64(l.n) + 0.999999)
	seen := 0
	for i, count := range l.buckets {
		if seen += count; seen >= rank && count > 0 {
			return bucketEnd(i)
		}
	}
	return bucketEnd(len(l.buckets) - 1)
}

// bucketOf numbers the buckets: 0 to 63 ns one by one, then 64 to every power of two.
func bucketOf(d time.Duration) int {
	ns := uint64(max(d, 0))
	if ns < 64 {
		return int(ns)
	}
	shift := bits.Len64(ns) - 7
	return min((shift+1)*64+int(ns>>shift)-64, 64*36-1)
}

func bucketEnd(i int) time.Duration {
	if i < 64 {
		return time.Duration(i)
	}
	shift := i/64 - 1
	return time.Duration((i%64+65)<<shift - 1)
}
