package consumer

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sasl"
	"github.com/twmb/franz-go/pkg/sasl/plain"
	"github.com/twmb/franz-go/pkg/sasl/scram"
)

// Config is everything about Kafka: where it is, who we are to it, and which topics play which part.
type Config struct {
	Brokers []string `yaml:"brokers" doc:"bootstrap brokers, host:port"`
	Group   string   `yaml:"group" doc:"consumer group"`

	Input       string `yaml:"input" doc:"topic of events"`
	Output      string `yaml:"output" doc:"topic of predictions"`
	DeadLetters string `yaml:"dead_letters" doc:"topic for events that cannot be scored"`
	Deployments string `yaml:"deployments" doc:"topic of model deployments; empty turns swapping off"`
	Status      string `yaml:"status" doc:"topic of the instances' answers to deployments"`
	FeatureLog  string `yaml:"feature_log" doc:"topic of served features; empty turns the log off"`

	Start    string `yaml:"start" doc:"where a group without offsets starts: latest or earliest"`
	Delivery string `yaml:"delivery" doc:"at-least-once or exactly-once"`

	ConnectTimeout   time.Duration `yaml:"connect_timeout" doc:"how long the brokers may take to answer at start"`
	SessionTimeout   time.Duration `yaml:"session_timeout" doc:"how long the group waits for a silent member"`
	RebalanceTimeout time.Duration `yaml:"rebalance_timeout" doc:"how long a member may take to hand its partitions over"`
	StaticMember     bool          `yaml:"static_member" doc:"keep the membership over restarts, under the instance's name"`

	MaxBatch     int           `yaml:"max_batch" doc:"most records of a partition scored at once"`
	QueueRecords int           `yaml:"queue_records" doc:"records queued for a partition before its fetching is paused"`
	Compression  string        `yaml:"compression" doc:"of what is produced: none, snappy, lz4 or zstd"`
	Linger       time.Duration `yaml:"linger" doc:"how long the producer waits to fill a batch"`

	TLS  TLS  `yaml:"tls"`
	SASL SASL `yaml:"sasl"`
}

// TLS turns encryption on and names its files, all in PEM. Cert and Key together are the client's own (mutual TLS).
type TLS struct {
	Enabled            bool   `yaml:"enabled" doc:"connect with TLS"`
	CA                 string `yaml:"ca" doc:"file with the authorities to trust; empty means the system's"`
	Cert               string `yaml:"cert" doc:"file with the client certificate"`
	Key                string `yaml:"key" doc:"file with the client certificate's key"`
	ServerName         string `yaml:"server_name" doc:"name to expect in the server's certificate"`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify" doc:"trust any certificate; for tests only"`
}

// SASL names the mechanism to log in with; an empty one means none.
type SASL struct {
	Mechanism string `yaml:"mechanism" doc:"plain, scram-sha-256 or scram-sha-512; empty turns SASL off"`
	Username  string `yaml:"username" doc:"SASL user"`
	Password  string `yaml:"password" doc:"SASL password" secret:"true"`
}

// DefaultConfig is the recipe's own: a broker on this host, its topics, its group, and the latest events.
func DefaultConfig() Config {
	return Config{
		Brokers:          []string{"localhost:9092"},
		Group:            "fraud-inference",
		Input:            "transactions",
		Output:           "fraud-predictions",
		DeadLetters:      "fraud-predictions-dead-letters",
		Deployments:      "model-deployments",
		Status:           "model-deployments-status",
		Start:            StartLatest,
		Delivery:         AtLeastOnce,
		ConnectTimeout:   10 * time.Second,
		SessionTimeout:   45 * time.Second,
		RebalanceTimeout: 60 * time.Second,
		MaxBatch:         512,
		QueueRecords:     10_000,
		Compression:      "snappy",
		Linger:           time.Millisecond,
	}
}

// The values of [Config.Start] and [Config.Delivery].
const (
	StartLatest   = "latest"
	StartEarliest = "earliest"
	AtLeastOnce   = "at-least-once"
	ExactlyOnce   = "exactly-once"
)

// Validate says what is wrong with the configuration in one line that names the key and the mend, or nil.
// It opens the TLS files but dials nobody.
func (c Config) Validate() error {
	if len(c.Brokers) == 0 {
		return errors.New("kafka.brokers is empty: name at least one broker as host:port")
	}
	for _, b := range c.Brokers {
		_, port, err := net.SplitHostPort(b)
		if err == nil {
			_, err = strconv.ParseUint(port, 10, 16)
		}
		if err != nil {
			return fmt.Errorf("kafka.brokers: %q is not host:port", b)
		}
	}
	if err := c.validateTopics(); err != nil {
		return err
	}
	for _, choice := range []struct {
		key, value string
		known      []string
	}{
		{"kafka.start", c.Start, []string{StartLatest, StartEarliest}},
		{"kafka.delivery", c.Delivery, []string{AtLeastOnce, ExactlyOnce}},
		{"kafka.compression", c.Compression, []string{"none", "snappy", "lz4", "zstd"}},
		{"kafka.sasl.mechanism", c.SASL.Mechanism, []string{"", "plain", "scram-sha-256", "scram-sha-512"}},
	} {
		if !slices.Contains(choice.known, choice.value) {
			return fmt.Errorf("%s: %q is not one of %s", choice.key, choice.value,
				strings.TrimPrefix(strings.Join(choice.known, ", "), ", "))
		}
	}
	for _, limit := range []struct {
		key          string
		value, least time.Duration
	}{
		{"kafka.connect_timeout", c.ConnectTimeout, time.Millisecond},
		{"kafka.session_timeout", c.SessionTimeout, time.Second},
		{"kafka.rebalance_timeout", c.RebalanceTimeout, time.Second},
		{"kafka.linger", c.Linger, 0},
	} {
		if limit.value < limit.least {
			return fmt.Errorf("%s: %v is too short, the least is %v", limit.key, limit.value, limit.least)
		}
	}
	switch {
	case c.Delivery == ExactlyOnce:
		return fmt.Errorf("kafka.delivery: %s is not available yet: use %s", ExactlyOnce, AtLeastOnce)
	case c.FeatureLog != "":
		return errors.New("kafka.feature_log: the log of served features is not available yet: leave it empty")
	case c.MaxBatch < 1:
		return fmt.Errorf("kafka.max_batch: %d is too small, the least is 1", c.MaxBatch)
	case c.QueueRecords < c.MaxBatch:
		return fmt.Errorf("kafka.queue_records: %d is below kafka.max_batch (%d): raise it", c.QueueRecords, c.MaxBatch)
	}
	_, err := c.ClientOptions("")
	return err
}

// topicCharacters are those that Kafka takes in a topic's name.
const topicCharacters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// validateTopics refuses a topic without a name and two parts played by one topic: an output that is also
// the input would score its own predictions for ever.
func (c Config) validateTopics() error {
	if c.Group == "" {
		return errors.New("kafka.group is empty: name the consumer group")
	}
	owner := map[string]string{}
	for _, t := range []struct {
		key, name string
		optional  bool
	}{
		{"kafka.input", c.Input, false},
		{"kafka.output", c.Output, false},
		{"kafka.dead_letters", c.DeadLetters, false},
		{"kafka.deployments", c.Deployments, true},
		{"kafka.status", c.Status, true},
		{"kafka.feature_log", c.FeatureLog, true},
	} {
		if t.name == "" {
			if t.optional {
				continue
			}
			return fmt.Errorf("%s is empty: name the topic", t.key)
		}
		if len(t.name) > 249 || strings.Trim(t.name, topicCharacters) != "" || t.name == "." || t.name == ".." {
			return fmt.Errorf("%s: %q is no name for a topic: use up to 249 letters, digits, dots, dashes and underscores", t.key, t.name)
		}
		if other, taken := owner[t.name]; taken {
			return fmt.Errorf("%s: topic %q is already %s: give each its own", t.key, t.name, other)
		}
		owner[t.name] = t.key
	}
	return nil
}

// ClientOptions are the options every Kafka client of the process shares: brokers, encryption, login, and the
// instance as client.id. An error names the setting at fault.
func (c Config) ClientOptions(instance string) ([]kgo.Opt, error) {
	opts := []kgo.Opt{
		kgo.SeedBrokers(c.Brokers...),
		kgo.ClientID(instance),
		// Metadata may be asked for again after a quarter of a second: at the client's own five, a cut
		// connection takes ten seconds to heal.
		kgo.MetadataMinAge(250 * time.Millisecond),
	}
	tlsConfig, err := c.TLS.config()
	if err != nil {
		return nil, err
	}
	if tlsConfig != nil {
		opts = append(opts, kgo.DialTLSConfig(tlsConfig))
	}
	mechanism, err := c.SASL.mechanism()
	if err != nil {
		return nil, err
	}
	if mechanism != nil {
		opts = append(opts, kgo.SASL(mechanism))
	}
	return opts, nil
}

// config reads the files into a client configuration; nil when TLS is off.
func (t TLS) config() (*tls.Config, error) {
	if !t.Enabled {
		if t.CA != "" || t.Cert != "" || t.Key != "" {
			return nil, errors.New("kafka.tls: files are named but kafka.tls.enabled is false: set it to true")
		}
		return nil, nil
	}
	cfg := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify, //nolint:gosec // The operator asks for it by name.
	}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.ca: %w", err)
		}
		cfg.RootCAs = x509.NewCertPool()
		if !cfg.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("kafka.tls.ca: %s holds no PEM certificate", t.CA)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, errors.New("kafka.tls: cert and key go together: name both or neither")
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("kafka.tls.cert and kafka.tls.key: %w", err)
		}
		cfg.Certificates = []tls.Certificate{pair}
	}
	return cfg, nil
}

// mechanism is the SASL mechanism asked for; nil when SASL is off.
func (s SASL) mechanism() (sasl.Mechanism, error) {
	if s.Mechanism == "" {
		if cmp.Or(s.Username, s.Password) != "" {
			return nil, errors.New("kafka.sasl: a user or password is given but no mechanism: set kafka.sasl.mechanism")
		}
		return nil, nil
	}
	if s.Username == "" {
		return nil, fmt.Errorf("kafka.sasl.username is empty: %s needs one", s.Mechanism)
	}
	switch s.Mechanism {
	case "plain":
		return plain.Auth{User: s.Username, Pass: s.Password}.AsMechanism(), nil
	case "scram-sha-256":
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha256Mechanism(), nil
	case "scram-sha-512":
		return scram.Auth{User: s.Username, Pass: s.Password}.AsSha512Mechanism(), nil
	}
	return nil, fmt.Errorf("kafka.sasl.mechanism: %q is not one of plain, scram-sha-256, scram-sha-512", s.Mechanism)
}

// compression is the codec list the producer is given.
func (c Config) compression() []kgo.CompressionCodec {
	switch c.Compression {
	case "none":
		return []kgo.CompressionCodec{kgo.NoCompression()}
	case "lz4":
		return []kgo.CompressionCodec{kgo.Lz4Compression(), kgo.NoCompression()}
	case "zstd":
		return []kgo.CompressionCodec{kgo.ZstdCompression(), kgo.NoCompression()}
	}
	return []kgo.CompressionCodec{kgo.SnappyCompression(), kgo.NoCompression()}
}

// Ping asks the brokers for an answer, so that a wrong address or a wrong password ends a start in one clear line:
// the client itself would retry for ever without a word. A broker that refuses the connection may be starting up
// and has the connect timeout for it.
func Ping(ctx context.Context, c Config, instance string) error {
	opts, err := c.ClientOptions(instance)
	if err != nil {
		return err
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return fmt.Errorf("kafka client: %w", err)
	}
	defer cl.Close()
	within, cancel := context.WithTimeout(ctx, c.ConnectTimeout)
	defer cancel()
	for {
		err := cl.Ping(within)
		if err == nil {
			return nil
		}
		if within.Err() == nil && errors.Is(err, syscall.ECONNREFUSED) {
			select {
			case <-within.Done():
			case <-time.After(250 * time.Millisecond):
				continue
			}
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if errors.Is(err, context.DeadlineExceeded) {
			err = fmt.Errorf("no answer within %v", c.ConnectTimeout)
		}
		if errors.Is(err, io.EOF) && c.SASL.Mechanism != "" {
			err = fmt.Errorf("the connection was closed during the %s login of %q, as on a wrong password", c.SASL.Mechanism, c.SASL.Username)
		}
		return fmt.Errorf("connect to kafka at %s: %w: check kafka.brokers, kafka.tls and kafka.sasl",
			strings.Join(c.Brokers, ","), err)
	}
}
