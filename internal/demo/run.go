package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
)

// Models are the model_path values the service can open: the one it starts with, a better one, and a broken file.
type Models struct {
	V2, V3, Broken string
}

// Options say what Run shows and where.
type Options struct {
	Stack    *Stack
	HTTPAddr string // Base URL of the service, "http://host:port".
	Models   Models
	Seed     uint64        // Of the World.
	Rate     int           // Events a second of wall time; 0 means 5,000.
	Duration time.Duration // Of the traffic; 0 means until the context ends.
	Patience time.Duration // How long to wait at the end while no outcome arrives; 0 means 5 s.
	Out      io.Writer
	Terminal bool // Out is a terminal: the live line is rewritten in place.
}

// readyPatience is how long the service may take to become ready.
const readyPatience = 30 * time.Second

// Run plays traffic to a service that was started on the stack's addresses, swaps its model after a third of the
// duration, hands it a broken one after two thirds (20 s and 40 s when there is no duration), and tells on Out what it
// sees. It returns once every record sent has an outcome, or none has come for the patience.
//
// The error is nil if everything was as it should be: something scored, nothing lost or doubled, the swap seen, the
// broken model refused. Where ctx ends early, only what was sent counts, and the service must outlive ctx by the final
// wait: stop it after Run returns.
func Run(ctx context.Context, opts Options) (Summary, error) {
	if opts.Rate <= 0 {
		opts.Rate = 5_000
	}
	if opts.Patience <= 0 {
		opts.Patience = 5 * time.Second
	}
	if opts.Models.V3 == "" || opts.Models.Broken == "" {
		return Summary{}, errors.New("demo: it needs a second model and a broken one")
	}
	show, err := newShow(opts)
	if err != nil {
		return Summary{}, err
	}
	defer show.close()
	if err := show.open(ctx); err != nil {
		return Summary{}, err
	}
	summary, err := show.play(ctx)
	show.printer.end()
	if err != nil {
		return summary, err
	}
	summary.print(opts.Out)
	return summary, summary.err()
}

// show is one run of the demo with all its parts.
type show struct {
	opts     Options
	printer  *printer
	service  *service
	ledger   *ledger
	world    *World
	writer   *featureWriter
	traffic  *traffic
	observer *observer
}

func newShow(opts Options) (*show, error) {
	s := &show{
		opts:    opts,
		printer: &printer{out: opts.Out, terminal: opts.Terminal},
		service: newService(opts.HTTPAddr),
		ledger:  newLedger(),
		world:   NewWorld(WorldConfig{Seed: opts.Seed}),
	}
	var err error
	if s.writer, err = newFeatureWriter(opts.Stack.Redis()); err != nil {
		s.close()
		return nil, err
	}
	if s.traffic, err = newTraffic(opts.Stack.Brokers(), s.world, s.ledger, s.writer); err != nil {
		s.close()
		return nil, err
	}
	if s.observer, err = newObserver(opts.Stack.Brokers(), s.ledger, s.printer.line); err != nil {
		s.close()
		return nil, err
	}
	return s, nil
}

func (s *show) close() {
	s.service.close()
	if s.writer != nil {
		s.writer.close()
	}
	if s.traffic != nil {
		s.traffic.close()
	}
	if s.observer != nil {
		s.observer.close()
	}
}

// open waits for the service, fills the feature store with the hour that has already happened, and says where to look.
func (s *show) open(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	var answer error
	if !until(waiting, 50*time.Millisecond, func() bool {
		err := s.service.ready(waiting)
		if waiting.Err() == nil {
			answer = err // The last answer in time says more than that the time is over.
		}
		return err == nil
	}) {
		if ctx.Err() != nil {
			return fmt.Errorf("demo: stopped before the service was ready: %w", ctx.Err())
		}
		return fmt.Errorf("demo: the service is not ready after %v: %w", readyPatience, answer)
	}

	s.writer.put(s.world.Updates())
	if err := s.writer.write(); err != nil {
		return fmt.Errorf("demo: %w", err)
	}

	length := "until interrupted"
	if s.opts.Duration > 0 {
		length = "for " + s.opts.Duration.String()
	}
	for _, line := range []string{
		fmt.Sprintf("Card traffic at %d events/s %s; an hour of theirs takes about %.0f s.", s.opts.Rate, length, 36_000/float64(s.opts.Rate)),
		"  status page  " + s.service.base + "/",
		"  metrics      " + s.service.base + "/metrics",
		"  readiness    " + s.service.base + "/readyz",
		fmt.Sprintf("  Kafka        %s   Redis %s", s.opts.Stack.Brokers()[0], s.opts.Stack.Redis()),
	} {
		s.printer.line(line)
	}
	return nil
}

// play runs the traffic for its time with everything that watches it, then waits for the last outcomes.
func (s *show) play(ctx context.Context) (Summary, error) {
	start, err := s.service.scrape(ctx)
	if err != nil {
		return Summary{}, fmt.Errorf("demo: read the service's metrics: %w", err)
	}
	// Those who watch outlive the traffic, also where ctx ends it.
	watching, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, watching := errgroup.WithContext(watching)
	sending, stopSending := s.trafficTime(ctx)
	defer stopSending()
	context.AfterFunc(watching, stopSending)

	var seen steps
	group.Go(func() error { return s.observer.run(watching) })
	group.Go(func() error { return s.writer.run(watching) })
	group.Go(func() error { return s.tell(watching, start) })
	group.Go(func() (err error) {
		seen, err = s.script().run(watching)
		return err
	})
	group.Go(func() error {
		defer stop()
		err := s.traffic.run(sending, s.opts.Rate)
		s.drain(watching)
		return err
	})
	if err := group.Wait(); err != nil {
		return Summary{}, fmt.Errorf("demo: %w", err)
	}

	// Where ctx is over, the service may be still there to answer.
	final, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	end, err := s.service.scrape(final)
	if err != nil {
		return Summary{}, fmt.Errorf("demo: read the service's metrics: %w", err)
	}
	summary := s.summarise(seen)
	summary.CacheHits, summary.CacheMisses = end.hits-start.hits, end.misses-start.misses
	summary.Interrupted = ctx.Err() != nil
	return summary, nil
}

// trafficTime is how long traffic is sent.
func (s *show) trafficTime(ctx context.Context) (context.Context, context.CancelFunc) {
	if s.opts.Duration > 0 {
		return context.WithTimeout(ctx, s.opts.Duration)
	}
	return context.WithCancel(ctx)
}

func (s *show) script() *script {
	sc := &script{
		client:   s.traffic.client,
		observer: s.observer,
		service:  s.service,
		printer:  s.printer,
		models:   s.opts.Models,
		swapAt:   20 * time.Second,
		breakAt:  40 * time.Second,
	}
	if s.opts.Duration > 0 {
		sc.swapAt, sc.breakAt = s.opts.Duration/3, 2*s.opts.Duration/3
	}
	return sc
}

// tell prints a line about every second.
func (s *show) tell(ctx context.Context, before counters) error {
	start := time.Now()
	last := start
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		cache := percent(0, 0)
		if now, err := s.service.scrape(ctx); err == nil {
			cache = percent(now.hits-before.hits, now.hits-before.hits+now.misses-before.misses)
			before = now
		}
		if ctx.Err() != nil {
			return nil
		}
		second, versions := s.observer.cut()
		now := time.Now()
		s.printer.update(liveLine(now.Sub(start), &second, now.Sub(last), versions, cache))
		last = now
	}
}

// drain waits until everything sent has its outcome, and gives up when nothing moves for the patience.
func (s *show) drain(ctx context.Context) {
	backlog, moved := s.ledger.backlog(), time.Now()
	until(ctx, 10*time.Millisecond, func() bool {
		if now := s.ledger.backlog(); now != backlog {
			backlog, moved = now, time.Now()
		}
		return backlog == 0 || time.Since(moved) > s.opts.Patience
	})
}

// summarise adds up what was seen, after everything has stopped.
func (s *show) summarise(seen steps) Summary {
	whole, sightings := s.observer.seen()
	events, poison := s.ledger.sent()
	summary := Summary{
		Events: events, Poison: poison,
		Scored: whole.scored, DeadLetters: whole.deadLetters, Unexpected: whole.unexpected,
		Lost: s.ledger.backlog(), Stray: whole.stray, Malformed: whole.malformed, Backslides: whole.backslides,
		SwapAsked: seen.swapAsked, Swapped: seen.swapped, SwapTook: seen.swapTook, BreakAsked: seen.breakAsked,
		Frauds: whole.frauds, Flagged: whole.flagged, Caught: whole.caught,
		P50: whole.latency.quantile(0.50), P99: whole.latency.quantile(0.99),
	}
	for _, sight := range sightings {
		summary.Versions = append(summary.Versions, sight.version)
	}
	// A model that was refused and scores nevertheless was not refused.
	summary.Refused = seen.refused && summary.Versions[len(summary.Versions)-1] == seen.keeps
	return summary
}
