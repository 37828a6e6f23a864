package consumer

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// assigned starts a worker for each new partition.
func (s *session) assigned(_ context.Context, client *kgo.Client, added map[string][]int32) {
	s.mu.Lock()
	s.group = nil
	s.mu.Unlock()
	for topic, ids := range added {
		for _, id := range ids {
			p := &partition{
				topic: topic, id: id, cfg: s.cfg, limits: s.limits, client: client,
				handler: s.newHandler(), metrics: s.metrics, report: s.report,
			}
			p.start()
			s.mu.Lock()
			s.workers[id] = p
			s.mu.Unlock()
			s.metrics.watch(p)
		}
		s.log.Info("partitions assigned", "topic", topic, "partitions", ids)
	}
}

// revoked hands partitions over: their workers settle what is in flight, the marks are committed, and only then
// may the group give the partitions to another member. A worker that takes longer than four fifths of the
// rebalance timeout is given up unmarked: its records are scored again by the next owner.
func (s *session) revoked(ctx context.Context, _ *kgo.Client, gone map[string][]int32) {
	workers := s.remove(gone)
	if len(workers) == 0 {
		return
	}
	settle, cancel := context.WithTimeout(ctx, s.cfg.RebalanceTimeout*8/10)
	defer cancel()
	s.end(settle, workers)
	s.commit(ctx, s.cfg.RebalanceTimeout/10)
	s.log.Info("partitions revoked", "partitions", gone)
}

// lost ends the workers of partitions that another member may own already: nothing of them is committed.
func (s *session) lost(_ context.Context, _ *kgo.Client, gone map[string][]int32) {
	workers := s.remove(gone)
	for _, p := range workers {
		p.stop()
		p.close()
	}
	join(workers)
	if len(workers) > 0 {
		s.log.Warn("partitions lost", "partitions", gone)
	}
}

// end stops the workers and waits for them until ctx ends, then gives up those that are left.
func (s *session) end(ctx context.Context, workers []*partition) {
	for _, p := range workers {
		p.stop()
	}
	for _, p := range workers {
		select {
		case <-p.done:
		case <-ctx.Done():
			s.log.Warn("a partition is given up with a batch in flight: its records will be scored again",
				"topic", p.topic, "partition", p.id)
		}
		p.close()
	}
	join(workers)
}

// join gives closed workers a second to return. One whose handler does not heed its context takes longer; it holds
// only its own memory, and its marks are void.
func join(workers []*partition) {
	grace := time.After(time.Second)
	for _, p := range workers {
		select {
		case <-p.done:
		case <-grace:
			return
		}
	}
}

// remove takes the named partitions out of the map, so that neither poll nor page sees them again.
func (s *session) remove(gone map[string][]int32) []*partition {
	s.mu.Lock()
	var workers []*partition
	for _, ids := range gone {
		for _, id := range ids {
			if p := s.workers[id]; p != nil {
				workers = append(workers, p)
				delete(s.workers, id)
				delete(s.troubles, id)
			}
		}
	}
	s.mu.Unlock()
	for _, p := range workers {
		s.metrics.forget(p)
	}
	return workers
}

// removeAll takes every partition out of the map.
func (s *session) removeAll() []*partition {
	s.mu.Lock()
	all := slices.Collect(maps.Keys(s.workers))
	s.mu.Unlock()
	return s.remove(map[string][]int32{s.cfg.Input: all})
}
