package consumer

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Consumer reads the input topic as one member of the group and writes what its handlers answer.
type Consumer struct {
	cfg        Config
	instance   string
	newHandler func() Handler
	metrics    *meters
	log        *slog.Logger
	started    bool  // the group's start positions are settled; Run's own
	assumed    int32 // what a topic takes whose limit cannot be read, in bytes; Run's own

	mu      sync.Mutex
	session *session // the current one; nil between two
	waiting error    // why there is no session, or why it cannot go on; nil when all is well
}

// PartitionState is one assigned partition as the status page shows it. Lag counts the records without an
// acknowledged output, as far as the last poll saw them; Queue those of them that are here and in no batch yet.
type PartitionState struct {
	Topic     string
	Partition int32
	Lag       int64
	Queue     int
}

// New makes a consumer; nothing is dialled before [Consumer.Run]. instance names this process to Kafka.
// newHandler is called once for each partition that is assigned. A nil set or log means quiet.
func New(cfg Config, instance string, newHandler func() Handler, set *metrics.Set, log *slog.Logger) (*Consumer, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if set == nil {
		set = metrics.NewSet()
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Consumer{
		cfg: cfg, instance: instance, newHandler: newHandler, metrics: newMeters(set), log: log,
		assumed: defaultLimit, waiting: errors.New("the group is not joined yet"),
	}, nil
}

// Run consumes until ctx ends, then drains: batches in flight are acknowledged, their offsets committed, the
// group left, all within ten seconds. It survives whatever Kafka does in between and returns nil.
func (c *Consumer) Run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := c.runSession(ctx)
		if ctx.Err() != nil || err == nil {
			break
		}
		c.become(nil, err)
		c.log.Warn("the Kafka client is replaced", "reason", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
	c.become(nil, errors.New("the service is stopping"))
	return nil
}

// runSession is one client's life: topics there, start positions committed, group joined, polled until the end.
func (c *Consumer) runSession(ctx context.Context) error {
	limits, err := c.awaitTopics(ctx)
	if err != nil {
		return err
	}
	s, err := c.newSession(ctx, limits)
	if err != nil {
		return err
	}
	c.become(s, nil)
	err = s.run(ctx)
	c.become(nil, errors.New("the Kafka client is closing")) // First: who is closing is not ready.
	s.close()
	if errors.Is(err, kerr.MessageTooLarge) && !limits.known {
		c.assumed = max(c.assumed/2, leastLimit)
	}
	return err
}

// become sets what [Consumer.Joined] and its siblings tell: a session, or why there is none.
func (c *Consumer) become(s *session, waiting error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.session, c.waiting = s, waiting
}

// Joined is nil once the group has taken this member in, otherwise why not.
func (c *Consumer) Joined() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		return c.waiting
	}
	return c.session.joined()
}

// Writable is nil while outputs reach their topics, otherwise what stops the line.
func (c *Consumer) Writable() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.session == nil {
		return c.waiting
	}
	return c.session.trouble()
}

// Partitions lists what is assigned now, in the order of their numbers.
func (c *Consumer) Partitions() []PartitionState {
	c.mu.Lock()
	s := c.session
	c.mu.Unlock()
	if s == nil {
		return nil
	}
	return s.partitions()
}

// DeadLetters counts the records that reached the dead-letter topic.
func (c *Consumer) DeadLetters() uint64 { return c.metrics.dead.Load() }

// DeclareClasses makes the dead-letter counters of these classes, and of our own, present before the first such record.
func (c *Consumer) DeclareClasses(classes ...string) {
	for _, class := range append(classes, ClassTooLarge, ClassInternal) {
		c.metrics.deadLetters(class)
	}
}

// clientOptions are those of a session's one client, which consumes and produces.
func (c *Consumer) clientOptions() ([]kgo.Opt, error) {
	opts, err := c.cfg.ClientOptions(c.instance)
	if err != nil {
		return nil, err
	}
	opts = append(
		opts,
		kgo.ConsumerGroup(c.cfg.Group),
		kgo.ConsumeTopics(c.cfg.Input),
		kgo.Balancers(kgo.CooperativeStickyBalancer()),
		kgo.SessionTimeout(c.cfg.SessionTimeout),
		kgo.RebalanceTimeout(c.cfg.RebalanceTimeout),
		kgo.HeartbeatInterval(min(3*time.Second, c.cfg.SessionTimeout/3)),
		kgo.AutoCommitMarks(),
		kgo.AutoCommitInterval(time.Second),
		kgo.BlockRebalanceOnPoll(),
		// Only a partition that appeared after the group's first start has no committed offset: all of it is
		// new. The same where a commit fell behind retention: what is left is read, not skipped.
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		// A resumed partition waits out the long poll that is under way.
		kgo.FetchMaxWait(100*time.Millisecond),
		kgo.ProducerBatchCompression(c.cfg.compression()...),
		kgo.ProducerLinger(c.cfg.Linger),
		kgo.RecordPartitioner(newPartitioner()),
	)
	if c.cfg.StaticMember {
		opts = append(opts, kgo.InstanceID(c.instance))
	}
	return opts, nil
}

// beyondRepair tells the errors after which this client cannot go on: a topic that was deleted and made again
// keeps its old identity inside the client for ever, and a fenced producer stays fenced.
func beyondRepair(err error) bool {
	return errors.Is(err, kerr.UnknownTopicID) ||
		errors.Is(err, kerr.ProducerFenced) || errors.Is(err, kerr.FencedInstanceID) ||
		errors.Is(err, kgo.ErrClientClosed)
}
