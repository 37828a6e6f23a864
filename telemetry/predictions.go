package telemetry

import (
	"strings"
	"sync"

	"github.com/VictoriaMetrics/metrics"
)

// Predictions are the three series about what was predicted, as handles for the hot path.
// All methods are safe for concurrent use.
type Predictions struct {
	// Latency takes the seconds from the poll that brought an event to its encoded prediction.
	Latency *Latency
	// Score takes each score that a decision is made on. The histogram passes over negative and NaN values, as its
	// library does; a model whose scores may be negative is to be watched elsewhere.
	Score *metrics.PrometheusHistogram

	set      *metrics.Set
	mu       sync.Mutex
	versions map[string]*metrics.Counter
}

// NewPredictions registers the series in the set, or in one of its own if that is nil. Two Predictions of one set
// share their series.
func NewPredictions(set *metrics.Set) *Predictions {
	if set == nil {
		set = metrics.NewSet()
	}
	// The bounds are those of the Python client's default histogram and of the recipe's score histogram.
	latency := []float64{.005, .01, .025, .05, .075, .1, .25, .5, .75, 1, 2.5, 5, 7.5, 10}
	score := []float64{.1, .3, .5, .7, .9}
	return &Predictions{
		Latency:  &Latency{histogram: set.GetOrCreatePrometheusHistogramExt("ml_prediction_latency_seconds", latency)},
		Score:    set.GetOrCreatePrometheusHistogramExt("ml_fraud_score", score),
		set:      set,
		versions: map[string]*metrics.Counter{},
	}
}

// Version is the counter of the predictions that a model version made; it is exposed, at 0, from the first call on.
// Callers keep it for as long as they score with the version. Any text is a version: what a label cannot hold is escaped.
func (p *Predictions) Version(version string) *metrics.Counter {
	p.mu.Lock()
	defer p.mu.Unlock()
	counter := p.versions[version]
	if counter == nil {
		counter = p.set.GetOrCreateCounter(`ml_predictions_total{model_version="` + escapeLabel(version) + `"}`)
		p.versions[version] = counter
	}
	return counter
}

// Total is the number of predictions by all versions.
func (p *Predictions) Total() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	var total uint64
	counted := map[*metrics.Counter]bool{} // Versions that differ only in invalid UTF-8 share a counter.
	for _, counter := range p.versions {
		if !counted[counter] {
			counted[counter] = true
			total += counter.Get()
		}
	}
	return total
}

// escapeLabel writes a label's value as the text format wants it: UTF-8, with \\, \" and \n escaped
// (prometheus.io/docs/instrumenting/exposition_formats/).
func escapeLabel(value string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(strings.ToValidUTF8(value, "\uFFFD"))
}
