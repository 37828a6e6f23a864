package consumer

import (
	"fmt"
	"sync/atomic"

	"github.com/VictoriaMetrics/metrics"
)

// meters are the room's metrics. Handles are made once; nothing is looked up while records flow but the class
// of a dead letter.
type meters struct {
	set  *metrics.Set
	dead atomic.Uint64 // dead letters of all classes
}

func newMeters(set *metrics.Set) *meters { return &meters{set: set} }

// deadLetters counts the records of one class that reached the dead-letter topic.
func (m *meters) deadLetters(class string) *metrics.Counter {
	return m.set.GetOrCreateCounter(fmt.Sprintf("millrace_dead_letters_total{class=%q}", class))
}

// settled counts a batch whose outputs are all acknowledged.
func (m *meters) settled(b *Batch) {
	for i := range b.answers {
		if class := b.answers[i].class; class != "" {
			m.deadLetters(class).Inc()
			m.dead.Add(1)
		}
	}
}

// watch publishes a partition's gauges while it is ours.
func (m *meters) watch(p *partition) {
	m.set.GetOrCreateGauge(lagName(p.id), func() float64 { return float64(p.state().Lag) })
	m.set.GetOrCreateGauge(queueName(p.id), func() float64 { return float64(p.state().Queue) })
}

// forget takes them away: the next owner publishes its own.
func (m *meters) forget(p *partition) {
	m.set.UnregisterMetric(lagName(p.id))
	m.set.UnregisterMetric(queueName(p.id))
}

func lagName(id int32) string   { return fmt.Sprintf(`millrace_lag_records{partition="%d"}`, id) }
func queueName(id int32) string { return fmt.Sprintf(`millrace_queue_depth{partition="%d"}`, id) }
