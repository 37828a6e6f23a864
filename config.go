package main

import (
	"fmt"
	"math"
	"net"
	"os"
	"strings"
	"unicode"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"millrace/consumer"
	"millrace/features"
	"millrace/internal/settings"
	"millrace/swap"
	"millrace/telemetry"
)

// Config is the whole configuration: each room's own, and what belongs to none of them. Every field is a key of the
// file, an environment variable and a flag; internal/settings says how.
type Config struct {
	Instance string `yaml:"instance" doc:"name of this process, unique in the group; default: <hostname>-<http port>"`

	Log      telemetry.LogConfig `yaml:"log"`
	HTTP     telemetry.Config    `yaml:"http"`
	Kafka    consumer.Config     `yaml:"kafka"`
	Redis    features.Redis      `yaml:"redis"`
	Features features.Config     `yaml:"features"`
	Event    EventConfig         `yaml:"event"`
	Output   OutputConfig        `yaml:"output"`
	Model    swap.Config         `yaml:"model"`
}

// EventConfig names the fields of an event that are no features.
type EventConfig struct {
	ID  string `yaml:"id" doc:"field of an event that identifies it"`
	Key string `yaml:"key" doc:"field of an event that names its entity, whose features are looked up"`
}

// OutputConfig says what a prediction looks like.
type OutputConfig struct {
	Threshold *float64     `yaml:"threshold" doc:"a score above it is a positive decision; none: no decision is written"`
	Class     int          `yaml:"class" doc:"the one score to write of a model with several; -1: all, as an array"`
	Copy      []string     `yaml:"copy" doc:"fields of the event to copy into its prediction"`
	Fields    OutputFields `yaml:"fields"`
}

// OutputFields are the names of a prediction's fields, in the order they are written.
type OutputFields struct {
	ID       string `yaml:"id" doc:"field for the event's id"`
	Key      string `yaml:"key" doc:"field for the event's entity"`
	Score    string `yaml:"score" doc:"field for the score"`
	Decision string `yaml:"decision" doc:"field for the decision"`
	Version  string `yaml:"version" doc:"field for the version of the model"`
	Latency  string `yaml:"latency" doc:"field for the milliseconds from poll to prediction"`
}

// defaultConfig is what holds where nothing is set: the recipe's brokers, topics, features and fields.
func defaultConfig() Config {
	threshold := 0.5
	return Config{
		Log:      telemetry.DefaultLogConfig(),
		HTTP:     telemetry.DefaultConfig(),
		Kafka:    consumer.DefaultConfig(),
		Redis:    features.DefaultRedis(),
		Features: features.DefaultConfig(),
		Event:    EventConfig{ID: "transaction_id", Key: "user_id"},
		Output: OutputConfig{
			Threshold: &threshold,
			Class:     -1,
			Fields: OutputFields{
				ID: "transaction_id", Key: "user_id", Score: "fraud_probability",
				Decision: "is_fraud", Version: "model_version", Latency: "latency_ms",
			},
		},
		Model: swap.DefaultConfig(),
	}
}

// configCommand is `millrace config`.
func configCommand(environ []string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "config",
		Short: "Print the effective configuration and where each value came from",
		Args:  cobra.NoArgs,
	}
	load := configFlags(cmd, environ)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		_, sources, err := load()
		if err != nil {
			return err
		}
		return sources.Print(cmd.OutOrStdout())
	}
	return cmd
}

// configFlags gives a command a flag for every setting, and --config. The function it returns loads the configuration
// once the command line has been parsed.
func configFlags(cmd *cobra.Command, environ []string) (load func() (Config, *settings.Settings, error)) {
	cfg := defaultConfig()
	if sources, err := settings.Of("millrace", &cfg); err == nil { // If not, loading says so.
		sources.RegisterFlags(cmd.Flags())
	}
	cmd.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error { return settings.FlagError(cmd.Flags(), err) })
	return func() (Config, *settings.Settings, error) { return loadConfig(cmd.Flags(), environ) }
}

// loadConfig is the configuration from all sources, checked, and where each value came from. flags may be nil. An
// error is one line that names the setting, its value, its source and the mend.
func loadConfig(flags *pflag.FlagSet, environ []string) (Config, *settings.Settings, error) {
	cfg := defaultConfig()
	sources, err := settings.Of("millrace", &cfg)
	if err != nil {
		return Config{}, nil, err
	}
	if err := sources.Load(flags, environ); err != nil {
		return Config{}, nil, err
	}
	if err := cfg.complete(); err != nil {
		return Config{}, nil, sources.Blame(err)
	}
	if err := cfg.validate(); err != nil {
		return Config{}, nil, sources.Blame(err)
	}
	return cfg, sources, nil
}

// complete fills in the defaults that depend on the host and on other settings.
func (c *Config) complete() error {
	if c.Instance != "" {
		return nil
	}
	if err := c.HTTP.Validate(); err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return fmt.Errorf("instance is empty and this host has no name (%w): set it", err)
	}
	_, port, _ := net.SplitHostPort(c.HTTP.Addr)
	c.Instance = host + "-" + port
	return nil
}

// validate says what is wrong in one line that begins with the setting's path, or nil. Each room judges its own part;
// nobody is dialled, but the files that TLS names are read.
func (c Config) validate() error {
	for _, room := range []interface{ Validate() error }{c.Log, c.HTTP, c.Kafka} {
		if err := room.Validate(); err != nil {
			return err
		}
	}
	if strings.ContainsFunc(c.Instance, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }) {
		return fmt.Errorf("instance: %q has blanks in it: use letters, digits, dots and dashes", c.Instance)
	}
	for _, addr := range c.Redis.Addrs {
		if _, _, err := net.SplitHostPort(addr); err != nil {
			return fmt.Errorf("redis.addrs: %q is not host:port", addr)
		}
	}
	// The room judges its configuration when a store is made; one that never runs dials nobody.
	store, err := features.NewStore(c.Features, c.Redis, nil, nil)
	if err != nil {
		return err
	}
	store.Close()
	if err := c.validateNames(); err != nil {
		return err
	}
	return c.validateModel()
}

// validateModel judges what a score is made from and turned into.
func (c Config) validateModel() error {
	if err := c.Model.Validate(); err != nil {
		return err
	}
	layout := features.Layout{ID: c.Event.ID, Key: c.Event.Key, Copy: c.Output.Copy}
	if _, err := features.NewContract(c.Model.Contract, layout); err != nil {
		return fmt.Errorf("model.%w", err) // The room's own words begin with "contract: ".
	}
	if t := c.Output.Threshold; t != nil && (math.IsNaN(*t) || math.IsInf(*t, 0)) {
		return fmt.Errorf("output.threshold: %v is not finite: give a number, or none", *t)
	}
	if c.Output.Class < -1 {
		return fmt.Errorf("output.class: %d is no class: give one from 0 up, or -1 for all", c.Output.Class)
	}
	return nil
}

// validateNames refuses a field without a name, and two fields of a prediction with one: JSON readers would keep
// either. The last three names are the prediction's own.
func (c Config) validateNames() error {
	type field struct{ key, name string }
	for _, f := range []field{{"event.id", c.Event.ID}, {"event.key", c.Event.Key}} {
		if f.name == "" {
			return fmt.Errorf("%s is empty: name the field", f.key)
		}
	}
	written := []field{
		{"output.fields.id", c.Output.Fields.ID},
		{"output.fields.key", c.Output.Fields.Key},
		{"output.fields.score", c.Output.Fields.Score},
		{"output.fields.decision", c.Output.Fields.Decision},
		{"output.fields.version", c.Output.Fields.Version},
		{"output.fields.latency", c.Output.Fields.Latency},
	}
	for _, name := range c.Output.Copy {
		written = append(written, field{"output.copy", name})
	}
	owner := map[string]string{"features": "the degraded features", "reasons": "the reasons", "scores": "the scores of several classes"}
	for _, f := range written {
		if f.name == "" {
			return fmt.Errorf("%s is empty: name the field", f.key)
		}
		if other, taken := owner[f.name]; taken {
			return fmt.Errorf("%s: %q is already the field of %s: give each its own", f.key, f.name, other)
		}
		owner[f.name] = f.key
	}
	return nil
}
