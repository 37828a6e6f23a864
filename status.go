package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"millrace/consumer"
	"millrace/swap"
	"millrace/telemetry"
)

// status gathers what the ops page shows from the rooms that own it.
type status struct {
	started     time.Time
	cfg         Config
	slot        *swap.Slot
	watcher     *swap.Watcher
	stream      *consumer.Consumer
	set         *metrics.Set
	predictions *telemetry.Predictions
}

// model is the readiness check that a deployment is live.
func (s *status) model() error {
	if s.slot.Load() != nil {
		return nil
	}
	if s.cfg.Model.Path == "" {
		return errors.New("no model: set model.path or deploy one")
	}
	return errors.New("no model is live yet")
}

// now is the page's content at this moment.
func (s *status) now() telemetry.Status {
	p50, p99 := s.predictions.Latency.Recent()
	now := telemetry.Status{
		Instance: s.cfg.Instance, Version: buildVersion(), Started: s.started,
		Predictions: s.predictions.Total(), DeadLetters: s.stream.DeadLetters(),
		LatencyP50: p50, LatencyP99: p99,
		Cache: telemetry.CacheStatus{
			Hits:   s.set.GetOrCreateCounter("millrace_cache_hits_total").Get(),
			Misses: s.set.GetOrCreateCounter("millrace_cache_misses_total").Get(),
			Stale:  s.set.GetOrCreateCounter("millrace_cache_stale_total").Get(),
		},
	}
	if d := s.slot.Load(); d != nil {
		info := d.Model.Info()
		now.Model = &telemetry.Model{
			Version: d.Version, Digest: d.Digest, Format: info.Format, Trees: info.Trees, Since: d.Since,
			Engine: fmt.Sprintf("%s (%s)", info.Engine, info.Layout), Referee: info.Referee,
		}
		for _, f := range d.Contract.Features() {
			now.Model.Contract = append(now.Model.Contract, fmt.Sprintf("%s (%s)", f.Name, f.Source))
		}
	}
	for _, p := range s.stream.Partitions() {
		now.Partitions = append(now.Partitions, telemetry.Partition(p))
	}
	for _, o := range slices.Backward(s.watcher.History()) {
		outcome := "live"
		if !o.Live {
			outcome = "rejected"
		}
		now.Deployments = append(now.Deployments, telemetry.Deployment{
			At: o.At, Version: o.Version, Outcome: outcome, Reason: o.Reason, Took: o.Took.Seconds(),
		})
	}
	return now
}
