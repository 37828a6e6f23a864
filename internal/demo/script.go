package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// script is the visitor: it deploys a new model while the traffic flows, then a broken one, and watches from outside
// what comes of it.
type script struct {
	client   *kgo.Client
	observer *observer
	service  *service
	printer  *printer
	models   Models
	swapAt   time.Duration
	breakAt  time.Duration
}

// steps are what the script saw.
type steps struct {
	swapAsked, swapped  bool
	swapTook            time.Duration
	breakAsked, refused bool
	keeps               string // The version that was live when the broken model came.
}

// run plays the script. It ends when everything was seen, or with ctx; then the steps not reached are false.
func (s *script) run(ctx context.Context) (steps, error) {
	var seen steps
	start := time.Now()
	if !sleep(ctx, s.swapAt) {
		return seen, nil
	}
	asked := time.Now()
	if err := s.deploy(ctx, s.models.V3); err != nil {
		return seen, err
	}
	seen.swapAsked = true
	s.printer.line("published: deploy " + s.models.V3)

	// The broken model comes when its time has come, whether or not the swap was seen.
	swapping, cancel := context.WithDeadline(ctx, start.Add(s.breakAt))
	defer cancel()
	var first sighting
	seen.swapped = until(swapping, 5*time.Millisecond, func() (found bool) {
		first, found = s.observer.sighted(version(s.models.V3))
		return found
	})
	if seen.swapped {
		seen.swapTook = first.first.Sub(asked)
		s.printer.line(fmt.Sprintf("seen: %s scores, %s after its deployment was published", first.version, millis(seen.swapTook)))
	}
	if !sleep(ctx, time.Until(start.Add(s.breakAt))) {
		return seen, nil
	}
	return s.breakModel(ctx, seen)
}

// breakModel publishes the broken model. It counts as refused when the service's count of rejections has risen and an
// event that was due after that was scored by the model that was live before.
func (s *script) breakModel(ctx context.Context, seen steps) (steps, error) {
	var before counters
	if !until(ctx, 100*time.Millisecond, func() (ok bool) {
		var err error
		before, err = s.service.scrape(ctx)
		return err == nil
	}) {
		return seen, nil
	}
	if _, versions := s.observer.seen(); len(versions) > 0 {
		seen.keeps = versions[len(versions)-1].version
	}
	if err := s.deploy(ctx, s.models.Broken); err != nil {
		return seen, err
	}
	seen.breakAsked = true
	s.printer.line("published: deploy " + s.models.Broken + ", which is broken")

	if !until(ctx, 100*time.Millisecond, func() bool {
		now, err := s.service.scrape(ctx)
		return err == nil && now.rejected > before.rejected
	}) {
		return seen, nil
	}
	rejected := time.Now()
	seen.refused = until(ctx, 5*time.Millisecond, func() bool {
		live, found := s.observer.sighted(seen.keeps)
		return found && live.lastDue.After(rejected)
	})
	if seen.refused {
		s.printer.line(fmt.Sprintf("seen: %s is refused, %s goes on scoring", s.models.Broken, seen.keeps))
	}
	return seen, nil
}

// deploy publishes a deployment as anyone could: one line of JSON on the deployments topic.
func (s *script) deploy(ctx context.Context, model string) error {
	value, err := json.Marshal(struct {
		ModelPath string `json:"model_path"`
	}{model})
	if err != nil {
		return fmt.Errorf("encode the deployment of %q: %w", model, err)
	}
	record := &kgo.Record{Topic: Deployments, Value: value}
	if err := s.client.ProduceSync(ctx, record).FirstErr(); err != nil && ctx.Err() == nil {
		return fmt.Errorf("publish the deployment of %q: %w", model, err)
	}
	return nil
}

// version is what a service calls a bare model file: its name without the extension.
func version(model string) string {
	name := path.Base(model)
	return strings.TrimSuffix(name, path.Ext(name))
}

// until asks every so often and is true once the answer is, false when ctx ends first.
func until(ctx context.Context, every time.Duration, done func() bool) bool {
	for !done() {
		if !sleep(ctx, every) {
			return false
		}
	}
	return true
}

// sleep is true after d, false when ctx ends first.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}
