package telemetry

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Latency counts latencies twice: in the histogram that is exposed, whose lowest bound is 5 ms, and in finer buckets
// from which the page and the demo read the last seconds' quantiles. The exposed bounds could not tell 100 µs from
// 4 ms. It is safe for concurrent use.
type Latency struct {
	histogram *metrics.PrometheusHistogram
	buckets   [fineBuckets]atomic.Uint64

	mu    sync.Mutex
	marks []mark // What the buckets held at earlier reads, the oldest first.
}

// The fine buckets divide every doubling into 8 parts, from 2^-20 s (about 1 µs) to 2^8 s; a value is read back
// as its bucket's middle, so within 6 %.
const (
	fineParts   = 8
	fineLeast   = -20
	fineMost    = 8
	fineBuckets = (fineMost - fineLeast) * fineParts
)

// recentWindow is how far back [Latency.Recent] looks, and markEvery how often it keeps a mark on the way.
const (
	recentWindow = 10 * time.Second
	markEvery    = time.Second
)

type mark struct {
	at     time.Time
	counts [fineBuckets]uint64
}

// Update adds one latency in seconds; negative ones and NaN are passed over.
func (l *Latency) Update(seconds float64) {
	if !(seconds >= 0) {
		return
	}
	l.histogram.Update(seconds)
	l.buckets[fineBucket(seconds)].Add(1)
}

// fineBucket is the bucket of a latency; those beyond either end go into the last one there.
func fineBucket(seconds float64) int {
	// The bits of a positive float64 are ordered as the numbers are: the exponent, then the fraction, whose three
	// highest bits are the eighth of the doubling.
	const fractionBits, bias = 52, 1023
	eighth := int(math.Float64bits(seconds)>>(fractionBits-3)) - (bias+fineLeast)*fineParts
	return min(max(eighth, 0), fineBuckets-1)
}

// fineMiddle is the latency that a bucket stands for.
func fineMiddle(bucket int) float64 {
	doubling, part := bucket/fineParts, bucket%fineParts
	return math.Ldexp(1+(float64(part)+.5)/fineParts, doubling+fineLeast)
}

// Recent is the median and the 99th percentile, in seconds, of the latencies since the read that is the longest ago
// but within ten seconds; both are 0 if there were none. The first read looks at everything, as does one after a
// longer pause without reads, up to the read before.
func (l *Latency) Recent() (p50, p99 float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := mark{at: time.Now()}
	for i := range l.buckets {
		now.counts[i] = l.buckets[i].Load()
	}
	// One mark older than the window stays only while it is the last: it is all that is known of a long pause.
	for len(l.marks) > 1 && now.at.Sub(l.marks[0].at) > recentWindow {
		l.marks = l.marks[1:]
	}
	delta := now.counts
	if len(l.marks) > 0 {
		for i, before := range l.marks[0].counts {
			delta[i] -= before
		}
	}
	if n := len(l.marks); n == 0 || now.at.Sub(l.marks[n-1].at) >= markEvery {
		l.marks = append(l.marks, now)
	}
	return quantile(&delta, .5), quantile(&delta, .99)
}

// quantile is the latency below which the share q of the counts lies; 0 if there are none.
func quantile(counts *[fineBuckets]uint64, q float64) float64 {
	var total, seen uint64
	for _, n := range counts {
		total += n
	}
	rank := uint64(math.Ceil(q * float64(total)))
	for bucket, n := range counts {
		if seen += n; n > 0 && seen >= rank {
			return fineMiddle(bucket)
		}
	}
	return 0
}
