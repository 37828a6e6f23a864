package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"millrace/internal/demo"
	"millrace/internal/settings"
	"millrace/telemetry"
)

// demoModels are what the demo serves, swaps in, and sees refused.
//
//go:embed testdata/models/fraud_model_v2.txt testdata/models/fraud_model_v3.txt testdata/models/broken_model.txt
var demoModels embed.FS

// demoConfig is what the demo lets one choose of the service's configuration. The rest is the defaults: it runs on
// parts of its own, whatever the environment says of a real Kafka and Redis.
type demoConfig struct {
	Log  telemetry.LogConfig `yaml:"log"`
	HTTP telemetry.Config    `yaml:"http"`
}

// demoCommand is `millrace demo`: the same service as [serve], on an embedded Kafka and Redis.
func demoCommand(environ []string) *cobra.Command {
	opts := demo.Options{Seed: 1}
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run everything in one process: Kafka, Redis, card traffic, the service, a swap and a refused model",
		Args:  cobra.NoArgs,
	}
	chosen := demoConfig{Log: telemetry.DefaultLogConfig(), HTTP: telemetry.DefaultConfig()}
	chosen.Log.Level = "error" // The demo tells what happens in its own words.
	sources, err := settings.Of("millrace", &chosen)
	if err == nil {
		sources.RegisterFlags(cmd.Flags())
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return settings.FlagError(cmd.Flags(), err) })
	cmd.Flags().DurationVar(&opts.Duration, "duration", 0, "how long the traffic runs; 0: until interrupted")
	cmd.Flags().IntVar(&opts.Rate, "rate", 5_000, "events a second")
	cmd.Flags().Uint64Var(&opts.Seed, "seed", opts.Seed, "of the traffic: the same seed plays the same cards")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if err != nil {
			return err
		}
		own := slices.DeleteFunc(slices.Clone(environ), func(variable string) bool {
			return !strings.HasPrefix(variable, "MILLRACE_LOG_") && !strings.HasPrefix(variable, "MILLRACE_HTTP_")
		})
		if err := sources.Load(cmd.Flags(), own); err != nil {
			return err
		}
		cfg := defaultConfig()
		cfg.Log, cfg.HTTP, cfg.Instance = chosen.Log, chosen.HTTP, "demo"
		if err := cfg.validate(); err != nil {
			return sources.Blame(err)
		}
		if opts.Duration < 0 || opts.Rate < 1 {
			return fmt.Errorf("demo: --duration %v and --rate %d: give a duration from 0 up and a rate from 1 up", opts.Duration, opts.Rate)
		}
		opts.Out = cmd.OutOrStdout()
		if file, ok := opts.Out.(*os.File); ok {
			info, err := file.Stat()
			opts.Terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
		}
		return runDemo(cmd.Context(), cfg, opts, cmd.ErrOrStderr())
	}
	return cmd
}

// runDemo starts the embedded parts, points the service at them, and plays the traffic until it ends.
func runDemo(ctx context.Context, cfg Config, opts demo.Options, stderr io.Writer) (err error) {
	models, err := os.MkdirTemp("", "millrace-demo-")
	if err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	defer os.RemoveAll(models)
	if err := unpackModels(models); err != nil {
		return fmt.Errorf("demo: %w", err)
	}
	opts.Models = demo.Models{V2: "fraud_model_v2.txt", V3: "fraud_model_v3.txt", Broken: "broken_model.txt"}
	if opts.Stack, err = demo.StartStack(demo.StackOptions{}); err != nil {
		return err
	}
	defer opts.Stack.Close()

	cfg.Kafka.Brokers, cfg.Redis.Addrs = opts.Stack.Brokers(), []string{opts.Stack.Redis()}
	cfg.Kafka.Input, cfg.Kafka.Output, cfg.Kafka.DeadLetters = demo.Transactions, demo.Predictions, demo.DeadLetters
	cfg.Kafka.Deployments = demo.Deployments
	cfg.Model.Path, cfg.Model.Roots = filepath.Join(models, opts.Models.V2), []string{models}
	opts.HTTPAddr = "http://" + dialable(cfg.HTTP.Addr)

	// The service outlives the traffic, so that what was sent is scored to the end.
	serving, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	served := make(chan error, 1)
	playing, stopPlaying := context.WithCancel(ctx)
	defer stopPlaying()
	go func() {
		served <- serve(serving, cfg, stderr)
		stopPlaying() // Without a service there is nothing to show.
	}()
	_, err = demo.Run(playing, opts)
	stop()
	select {
	case serveErr := <-served:
		if serveErr != nil {
			return serveErr
		}
	case <-time.After(15 * time.Second):
		return errors.New("demo: the service does not stop")
	}
	return err
}

// unpackModels writes the embedded models where the service can open them.
func unpackModels(dir string) error {
	const from = "testdata/models"
	files, err := demoModels.ReadDir(from)
	if err != nil {
		return err
	}
	for _, file := range files {
		data, err := demoModels.ReadFile(from + "/" + file.Name())
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(dir, file.Name()), data, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// dialable is the address to reach a listener of this host at.
func dialable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err == nil && host == "" {
		return net.JoinHostPort("localhost", port)
	}
	return addr
}
