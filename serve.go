package main

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"millrace/consumer"
	"millrace/features"
	"millrace/swap"
	"millrace/telemetry"
)

// serveCommand is `millrace serve`.
func serveCommand(environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the service: score events until told to stop",
		Args:  cobra.NoArgs,
	}
	load := configFlags(cmd, environ)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, _, err := load()
		if err != nil {
			return err
		}
		return serve(cmd.Context(), cfg, cmd.OutOrStdout())
	}
	return cmd
}

// serve builds the rooms in order, runs them until ctx ends, and lets them stop in reverse. Whatever is wrong at
// the start ends it with an error; after that no broker and no Redis does. It logs to logs: stdout for the command,
// so that stderr holds the one line of a failure and nothing else.
func serve(ctx context.Context, cfg Config, logs io.Writer) error {
	log, err := telemetry.NewLogger(logs, cfg.Log)
	if err != nil {
		return err
	}
	set := metrics.NewSet()

	// The contract is what events and rows are read by, and what a model has to match.
	contract, err := features.NewContract(cfg.Model.Contract, features.Layout{
		ID: cfg.Event.ID, Key: cfg.Event.Key, Copy: cfg.Output.Copy,
	})
	if err != nil {
		return err
	}
	store, err := features.NewStore(cfg.Features, cfg.Redis, set, log)
	if err != nil {
		return err
	}
	defer store.Close()

	slot := new(swap.Slot)
	kafka, err := cfg.Kafka.ClientOptions(cfg.Instance)
	if err != nil {
		return err
	}
	loader := swap.NewLoader(cfg.Model, contract, cfg.Output.Threshold, cfg.Output.Class)
	watcher := swap.NewWatcher(cfg.Model, cfg.Kafka.Deployments, kafka, loader, slot, set, log)

	predictions := telemetry.NewPredictions(set)
	format := newPredictionFormat(cfg.Output)
	stream, err := consumer.New(cfg.Kafka, cfg.Instance, func() consumer.Handler {
		return &pipeline{models: slot, store: store, format: format, metrics: predictions}
	}, set, log)
	if err != nil {
		return err
	}
	stream.DeclareClasses(append(features.Classes(), classNotFinite)...)

	// The page is up first and down last: it says what the rest waits for.
	page := &status{
		started: time.Now(), cfg: cfg, slot: slot, watcher: watcher, stream: stream, set: set, predictions: predictions,
	}
	server, err := telemetry.Listen(cfg.HTTP, set, []telemetry.Check{
		{Name: "model", Err: page.model},
		{Name: "group", Err: stream.Joined},
		{Name: "outputs", Err: stream.Writable},
	}, page.now, log)
	if err != nil {
		return err
	}
	log.Info("millrace", "version", buildVersion(), "instance", cfg.Instance, "page", "http://"+server.Addr())

	return runRooms(ctx, cfg, log, server, store, watcher, slot, stream)
}

// runRooms runs what serve built. The order is what keeps a score right: the brokers answer, the deployments topic
// is read to its end, a model is live, and only then is the first event polled. The stream is the first to stop;
// what it drains into stays up until it is done.
func runRooms(ctx context.Context, cfg Config, log *slog.Logger, server *telemetry.Server, store *features.Store,
	watcher *swap.Watcher, slot *swap.Slot, stream *consumer.Consumer,
) error {
	rooms, stopRooms := context.WithCancel(context.WithoutCancel(ctx))
	group, rooms := errgroup.WithContext(rooms)
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	context.AfterFunc(rooms, stop) // A room that fails stops the stream too.

	group.Go(func() error { return server.Run(rooms) })
	group.Go(func() error { return store.Run(rooms) })
	group.Go(func() error {
		defer stopRooms()
		if err := consumer.Ping(ctx, cfg.Kafka, cfg.Instance); err != nil {
			return err
		}
		if err := watcher.CatchUp(ctx); err != nil {
			return err
		}
		group.Go(func() error { return watcher.Run(rooms) })
		select {
		case <-slot.Filled():
			return stream.Run(ctx)
		case <-ctx.Done():
			return nil
		}
	})
	err := group.Wait()
	if errors.Is(err, context.Canceled) {
		err = nil // Told to stop before everything was up.
	}
	if err == nil {
		log.Info("stopped")
	}
	return err
}
