package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// observer looks at the output topics as any user of the service could, and settles the ledger.
type observer struct {
	client *kgo.Client
	ledger *ledger
	news   func(text string) // Told of each version's first prediction and of each status that rejects a model.

	mu       sync.Mutex
	second   tally // Since the last cut.
	whole    tally
	versions []sighting // In the order in which they were first seen.
	current  []string   // Versions seen since the last cut, in the order of versions.
}

// newObserver reads the topics from their beginning: whatever the stack has carried before counts as stray.
func newObserver(brokers []string, ledger *ledger, news func(string)) (*observer, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.ClientID("demo-observer"),
		kgo.ConsumeTopics(Predictions, DeadLetters, Statuses),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		return nil, fmt.Errorf("connect the observer: %w", err)
	}
	return &observer{client: client, ledger: ledger, news: news}, nil
}

// run watches until ctx ends.
func (o *observer) run(ctx context.Context) error {
	for {
		fetches := o.client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err := fetches.Err0(); err != nil && !errors.Is(err, context.Canceled) {
			return fmt.Errorf("read the output topics: %w", err)
		}
		now := time.Now()
		fetches.EachRecord(func(r *kgo.Record) {
			switch r.Topic {
			case Predictions:
				o.prediction(r.Value, now)
			case DeadLetters:
				o.deadLetter(r.Value)
			case Statuses:
				o.status(r.Value)
			}
		})
	}
}

func (o *observer) close() { o.client.Close() }

// prediction is the part of the output format that matters here. Pointers tell absent fields from zeros.
type prediction struct {
	TransactionID string   `json:"transaction_id"`
	Probability   *float64 `json:"fraud_probability"`
	IsFraud       *bool    `json:"is_fraud"`
	Version       string   `json:"model_version"`
}

func (o *observer) prediction(value []byte, now time.Time) {
	var p prediction
	err := json.Unmarshal(value, &p)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err != nil || p.Probability == nil || *p.Probability < 0 || *p.Probability > 1 || p.IsFraud == nil || p.Version == "" {
		o.count(func(t *tally) { t.malformed++ })
		return
	}
	e, sent := o.ledger.settle(p.TransactionID)
	if !sent {
		o.count(func(t *tally) { t.stray++ })
		return
	}
	o.count(func(t *tally) { t.add(e, *p.IsFraud, now.Sub(e.due)) })
	o.sight(p.Version, e.due, now)
}

// sight books a prediction under its version. Holds mu.
func (o *observer) sight(version string, due, now time.Time) {
	i := slices.IndexFunc(o.versions, func(s sighting) bool { return s.version == version })
	if i < 0 {
		i = len(o.versions)
		o.versions = append(o.versions, sighting{version: version, first: now})
		if i > 0 {
			o.news(fmt.Sprintf("model %s scores now, %s before", version, o.versions[i-1].version))
		}
	}
	s := &o.versions[i]
	s.scored++
	if due.After(s.lastDue) {
		s.lastDue = due
	}
	// What was due before the newest version was seen may have been in an older one's hands already.
	if newest := o.versions[len(o.versions)-1]; newest.version != version && due.After(newest.first) {
		o.count(func(t *tally) { t.backslides++ })
	}
	if !slices.Contains(o.current, version) {
		o.current = append(o.current, version)
	}
}

func (o *observer) deadLetter(value []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	e, sent := o.ledger.settle(string(value))
	if !sent {
		var event prediction
		if json.Unmarshal(value, &event) == nil {
			e, sent = o.ledger.settle(event.TransactionID)
		}
	}
	o.count(func(t *tally) {
		switch {
		case !sent:
			t.stray++
		case !e.poison:
			t.unexpected++
			t.deadLetters++
		default:
			t.deadLetters++
		}
	})
}

// status hears the service's own word on a model it refused. Nothing is concluded from it but the reason shown.
func (o *observer) status(value []byte) {
	var s struct{ State, Version, Reason string }
	if json.Unmarshal(value, &s) != nil || s.State != "rejected" {
		return
	}
	o.news(fmt.Sprintf("the service says it refuses %s: %s", s.Version, s.Reason))
}

// count applies to both tallies. Holds mu.
func (o *observer) count(apply func(*tally)) {
	apply(&o.second)
	apply(&o.whole)
}

// cut returns what was seen since the last cut, with the versions in it.
func (o *observer) cut() (tally, []string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t, versions := o.second, o.current
	o.second, o.current = tally{}, nil
	return t, versions
}

// seen returns what was seen in all.
func (o *observer) seen() (tally, []sighting) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.whole, slices.Clone(o.versions)
}

// sighted returns what was seen of one version.
func (o *observer) sighted(version string) (sighting, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, s := range o.versions {
		if s.version == version {
			return s, true
		}
	}
	return sighting{}, false
}
