package telemetry

import (
	"bytes"
	"fmt"
	"math"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"
)

// exposed is the part of /metrics that is about predictions.
func exposed(t *testing.T, set *metrics.Set) string {
	t.Helper()
	_, body := ask(t, "GET", start(t, set, nil, nil)+"/metrics")
	var ours strings.Builder
	for line := range strings.Lines(body) {
		if strings.Contains(line, "ml_") || strings.Contains(line, "millrace_") {
			ours.WriteString(line)
		}
	}
	return ours.String()
}

func TestExactTextOfTheSeedsSeries(t *testing.T) {
	set := metrics.NewSet()
	p := NewPredictions(set)
	p.Version("v2").Add(3)
	p.Version(`a"b\c` + "\n{d}=\xff")
	for _, seconds := range []float64{.005, .0051, .075, 10, 11, -1, math.NaN()} {
		p.Latency.Update(seconds)
	}
	for _, score := range []float64{0, .1, .5, .9, .95} {
		p.Score.Update(score)
	}
	set.NewCounter(`millrace_dead_letters_total{class="empty"}`)
	set.NewGauge(`millrace_queue_depth{partition="0"}`, func() float64 { return 2 })
	want := `# HELP millrace_dead_letters_total Events written to the dead-letter topic, by the class of what is wrong with them.
# TYPE millrace_dead_letters_total counter
millrace_dead_letters_total{class="empty"} 0
# HELP millrace_queue_depth Records of a partition that are fetched and wait to be scored.
# TYPE millrace_queue_depth gauge
millrace_queue_depth{partition="0"} 2
# HELP ml_fraud_score Scores predicted.
# TYPE ml_fraud_score histogram
ml_fraud_score_bucket{le="0.1"} 2
ml_fraud_score_bucket{le="0.3"} 2
ml_fraud_score_bucket{le="0.5"} 3
ml_fraud_score_bucket{le="0.7"} 3
ml_fraud_score_bucket{le="0.9"} 4
ml_fraud_score_bucket{le="+Inf"} 5
ml_fraud_score_sum 2.45
ml_fraud_score_count 5
# HELP ml_prediction_latency_seconds Time from the poll that brought an event to its encoded prediction.
# TYPE ml_prediction_latency_seconds histogram
ml_prediction_latency_seconds_bucket{le="0.005"} 1
ml_prediction_latency_seconds_bucket{le="0.01"} 2
ml_prediction_latency_seconds_bucket{le="0.025"} 2
ml_prediction_latency_seconds_bucket{le="0.05"} 2
ml_prediction_latency_seconds_bucket{le="0.075"} 3
ml_prediction_latency_seconds_bucket{le="0.1"} 3
ml_prediction_latency_seconds_bucket{le="0.25"} 3
ml_prediction_latency_seconds_bucket{le="0.5"} 3
ml_prediction_latency_seconds_bucket{le="0.75"} 3
ml_prediction_latency_seconds_bucket{le="1"} 3
ml_prediction_latency_seconds_bucket{le="2.5"} 3
ml_prediction_latency_seconds_bucket{le="5"} 3
ml_prediction_latency_seconds_bucket{le="7.5"} 3
ml_prediction_latency_seconds_bucket{le="10"} 4
ml_prediction_latency_seconds_bucket{le="+Inf"} 5
ml_prediction_latency_seconds_sum 21.0851
ml_prediction_latency_seconds_count 5
# HELP ml_predictions_total Predictions written, by the version of the model that made them.
# TYPE ml_predictions_total counter
ml_predictions_total{model_version="a\"b\\c\n{d}=` + "\uFFFD" + `"} 0
ml_predictions_total{model_version="v2"} 3
`
	if diff := cmp.Diff(want, exposed(t, set)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

// TestExpositionIsWellFormed reads all of /metrics by the rules of the text format: a family's TYPE stands once,
// before its samples, which stand together, and every sample is a name, labels and a number.
func TestExpositionIsWellFormed(t *testing.T) {
	set := metrics.NewSet()
	NewPredictions(set).Version("v2").Inc()
	set.NewHistogram("vmrange_seconds").Update(1)
	answer, body := ask(t, "GET", start(t, set, nil, nil)+"/metrics")
	if got := answer.Header.Get("Content-Type"); got != "text/plain; version=0.0.4; charset=utf-8" {
		t.Errorf("content type %q", got)
	}
	sample := regexp.MustCompile(`^([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*"(?:, ?)?)*\})? (\S+)$`)
	types := map[string]string{}
	var family string
	for line := range strings.SplitSeq(strings.TrimSuffix(body, "\n"), "\n") {
		if words := strings.Fields(line); words[0] == "#" {
			if words[1] == "TYPE" {
				family = words[2]
				if types[family] != "" {
					t.Errorf("a second TYPE of %s", family)
				}
				types[family] = words[3]
			}
			continue
		}
		parts := sample.FindStringSubmatch(line)
		if parts == nil {
			t.Errorf("no sample: %q", line)
			continue
		}
		rest := strings.TrimPrefix(parts[1], family)
		counted := types[family] == "histogram" && rest == "_bucket" ||
			(types[family] == "histogram" || types[family] == "summary") && (rest == "_sum" || rest == "_count")
		if rest != "" && !counted {
			t.Errorf("%s stands under %s", parts[1], family)
		}
	}
	for name, kind := range map[string]string{
		"ml_predictions_total": "counter", "ml_fraud_score": "histogram", "go_goroutines": "gauge",
		"go_gc_pauses_seconds": "histogram", "process_cpu_seconds_total": "counter", "process_open_fds": "gauge",
		"vmrange_seconds_bucket": "untyped",
	} {
		if types[name] != kind {
			t.Errorf("%s is %q, want %s", name, types[name], kind)
		}
	}
}

func TestPredictionsTotal(t *testing.T) {
	p := NewPredictions(nil)
	first := p.Version("a")
	first.Add(2)
	p.Version("b").Inc()
	p.Version("\xff").Inc()
	p.Version("\xfe").Inc() // The label shows both as U+FFFD: one counter, counted once.
	if p.Version("a") != first || p.Total() != 5 {
		t.Errorf("total %d, want 5", p.Total())
	}
}

func TestRecentLatency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := NewPredictions(nil).Latency
		want := func(what string, p50, p99 float64) {
			t.Helper()
			got50, got99 := l.Recent()
			if !near(got50, p50) || !near(got99, p99) {
				t.Errorf("%s: p50 %g, p99 %g; want %g, %g", what, got50, got99, p50, p99)
			}
		}
		add := func(n int, seconds float64) {
			for range n {
				l.Update(seconds)
			}
		}
		want("nothing yet", 0, 0)
		add(980, .0003)
		add(20, .2)
		want("at once", .0003, .2)
		time.Sleep(time.Second)
		want("still in the window", .0003, .2)
		for range 12 {
			time.Sleep(time.Second)
			l.Recent()
		}
		want("out of the window", 0, 0)
		add(10, 1e-9)
		add(10, 1e9)
		want("beyond both ends", math.Ldexp(1, fineLeast), math.Ldexp(1, fineMost))
		time.Sleep(5 * time.Minute)
		add(1, .05)
		want("after a pause, all since before it", .05, 200)
		time.Sleep(time.Second)
		add(1, .05)
		want("and then the window again", .05, .05)
	})
}

// near allows for a bucket's width, and takes everything at the ends for one.
func near(got, want float64) bool {
	if want == 0 || got == 0 {
		return got == want
	}
	switch {
	case want < 1e-4:
		return got < 1e-4
	case want > 100:
		return got > 100
	}
	return math.Abs(got/want-1) <= 1.0/16+1e-9
}

func TestFineBucketsAreMonotonousAndNear(t *testing.T) {
	last := 0
	for seconds := 1e-6; seconds < 200; seconds *= 1.01 {
		bucket := fineBucket(seconds)
		if bucket < last || math.Abs(fineMiddle(bucket)/seconds-1) > 1.0/16 {
			t.Fatalf("%g is in bucket %d (%g), the one before in %d", seconds, bucket, fineMiddle(bucket), last)
		}
		last = bucket
	}
}

func TestLoggerLevelsAndFormats(t *testing.T) {
	for level, lines := range map[string]int{"debug": 4, "info": 3, "warn": 2, "error": 1} {
		for _, format := range []string{"text", "json"} {
			var out bytes.Buffer
			log, err := NewLogger(&out, LogConfig{Level: level, Format: format})
			if err != nil {
				t.Fatal(err)
			}
			log.Debug("a")
			log.Info("a")
			log.Warn("a")
			log.Error("a", "key", "value")
			if got := strings.Count(out.String(), "\n"); got != lines || strings.HasPrefix(out.String(), "{") != (format == "json") {
				t.Errorf("%s %s: %d lines, want %d: %s", level, format, got, lines, &out)
			}
		}
	}
	for want, cfg := range map[string]LogConfig{
		`log.level: "verbose" is not one of debug, info, warn, error`: {Level: "verbose", Format: "text"},
		`log.level: "" is not one of debug, info, warn, error`:        {Format: "text"},
		`log.format: "xml" is neither text nor json`:                  {Level: "info", Format: "xml"},
	} {
		if err := cfg.Validate(); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	if err := DefaultLogConfig().Validate(); err != nil {
		t.Error(err)
	}
}

func BenchmarkLatencyUpdate(b *testing.B) {
	l := NewPredictions(nil).Latency
	b.ReportAllocs()
	for b.Loop() {
		l.Update(.0012)
	}
}

func ExampleNewPredictions() {
	set := metrics.NewSet()
	predictions := NewPredictions(set)
	predictions.Version("v2").Add(512) // Once a batch: the counter is kept as a handle.
	predictions.Latency.Update(.0008)
	predictions.Score.Update(.97)
	fmt.Println(predictions.Total())
	// Output: 512
}
