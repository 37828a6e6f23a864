package features

import (
	"fmt"
	"sync"

	"github.com/VictoriaMetrics/metrics"
)

// counters are the store's metrics, as handles.
type counters struct {
	set    *metrics.Set
	hits   *metrics.Counter // Rows found fresh in the cache, by event.
	misses *metrics.Counter // Rows that Redis was asked for, or would have been, by event.
	stale  *metrics.Counter // Of the misses, those a stale copy stood in for.

	mu       sync.Mutex
	degraded map[*Contract][]degradedCounters
}

// degradedCounters count one stored feature's degraded values.
type degradedCounters struct{ defaulted, stale *metrics.Counter }

// rememberedContracts bounds how many contracts' handles are kept: more than
// serve at a time.
const rememberedContracts = 16

func newCounters(set *metrics.Set) *counters {
	c := &counters{
		set:      set,
		hits:     set.NewCounter("millrace_cache_hits_total"),
		misses:   set.NewCounter("millrace_cache_misses_total"),
		stale:    set.NewCounter("millrace_cache_stale_total"),
		degraded: map[*Contract][]degradedCounters{},
	}
	for _, f := range DefaultFeatures() {
		if f.Source == FromStore {
			c.feature(f.Name)
		}
	}
	return c
}

func (c *counters) feature(name string) degradedCounters {
	of := func(s Status) *metrics.Counter {
		return c.set.GetOrCreateCounter(fmt.Sprintf("millrace_degraded_total{feature=%q,status=%q}", name, s))
	}
	return degradedCounters{defaulted: of(Defaulted), stale: of(Stale)}
}

// of are the handles of a contract's stored features, made on first sight.
func (c *counters) of(contract *Contract) []degradedCounters {
	c.mu.Lock()
	defer c.mu.Unlock()
	handles, ok := c.degraded[contract]
	if ok {
		return handles
	}
	for _, i := range contract.stored {
		handles = append(handles, c.feature(contract.features[i].Name))
	}
	if len(c.degraded) >= rememberedContracts {
		clear(c.degraded)
	}
	c.degraded[contract] = handles
	return handles
}

// countDegraded counts the degraded values of a batch's rows.
func countDegraded(handles []degradedCounters, contract *Contract, status []Status) {
	for n := contract.Len(); len(status) >= n; status = status[n:] {
		for j, i := range contract.stored {
			switch status[i] {
			case Stale:
				handles[j].stale.Inc()
			case Defaulted:
				handles[j].defaulted.Inc()
			}
		}
	}
}
