package swap

import (
	"fmt"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// meters are the room's metrics.
type meters struct {
	set            *metrics.Set
	live, rejected *metrics.Counter
	swapSeconds    *metrics.PrometheusHistogram
	unrefereed     *metrics.Gauge
}

func newMeters(set *metrics.Set) *meters {
	return &meters{
		set:        set,
		live:       set.GetOrCreateCounter(`millrace_deployments_total{outcome="live"}`),
		rejected:   set.GetOrCreateCounter(`millrace_deployments_total{outcome="rejected"}`),
		unrefereed: set.GetOrCreateGauge("millrace_model_unrefereed", nil),
		swapSeconds: set.GetOrCreatePrometheusHistogramExt("millrace_swap_seconds",
			[]float64{.01, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}),
	}
}

// stored counts a swap and moves the info gauge from the deployment before to the one after.
func (m *meters) stored(before, after *Deployment, took time.Duration) {
	m.live.Inc()
	m.swapSeconds.Update(took.Seconds())
	if before != nil {
		m.set.UnregisterMetric(infoName(before))
	}
	unrefereed := 1.0
	if after.Model.Info().Refereed {
		unrefereed = 0
	}
	m.unrefereed.Set(unrefereed)
	m.set.GetOrCreateGauge(infoName(after), func() float64 { return 1 })
}

func infoName(d *Deployment) string {
	return fmt.Sprintf("millrace_model_info{version=%q,digest=%q}", d.Version, d.Digest)
}
