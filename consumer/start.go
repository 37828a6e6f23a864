package consumer

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// retryStart is the pause between two looks at what a start waits for.
const retryStart = time.Second

// limits is how large a batch of records each topic takes, in bytes.
type limits struct {
	output, deadLetters int32
	known               bool // read from the topics, not assumed
}

// of is the limit of a topic.
func (l limits) of(cfg *Config, topic string) int32 {
	if topic == cfg.DeadLetters {
		return l.deadLetters
	}
	return l.output
}

// awaitTopics returns once the input, output and dead-letter topics exist and the group's start positions are
// committed, with the limits of the topics that are written; until then [Consumer.Joined] and [Consumer.Writable]
// say what is missing.
func (c *Consumer) awaitTopics(ctx context.Context) (limits, error) {
	opts, err := c.cfg.ClientOptions(c.instance)
	if err != nil {
		return limits{}, err
	}
	client, err := kgo.NewClient(opts...)
	if err != nil {
		return limits{}, fmt.Errorf("kafka client: %w", err)
	}
	defer client.Close()
	admin := kadm.NewClient(client)
	// Once we have started, a topic without offsets is one that was made again: all it holds is new.
	for appeared := c.started; ; {
		err := c.missingTopics(ctx, admin)
		if err == nil {
			if err = c.commitStart(ctx, admin, appeared); err == nil {
				c.started = true
				return c.readLimits(ctx, admin), nil
			}
		} else if errors.Is(err, errInputMissing) {
			appeared = true // What the topic holds when it comes, came after us.
		}
		c.mu.Lock()
		told := c.waiting != nil && c.waiting.Error() == err.Error()
		c.waiting = err
		c.mu.Unlock()
		if !told {
			c.log.Warn("not consuming yet", "reason", err)
		}
		select {
		case <-ctx.Done():
			return limits{}, ctx.Err()
		case <-time.After(retryStart):
		}
	}
}

var errInputMissing = errors.New("the input topic does not exist")

// missingTopics names the topics that are needed and not there.
func (c *Consumer) missingTopics(ctx context.Context, admin *kadm.Client) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.ConnectTimeout)
	defer cancel()
	topics, err := admin.ListTopics(ctx, c.cfg.Input, c.cfg.Output, c.cfg.DeadLetters)
	if err != nil {
		return fmt.Errorf("list topics: %w", err)
	}
	var missing []string
	for _, t := range []struct{ key, name string }{
		{"kafka.input", c.cfg.Input}, {"kafka.output", c.cfg.Output}, {"kafka.dead_letters", c.cfg.DeadLetters},
	} {
		switch detail := topics[t.name]; {
		case errors.Is(detail.Err, kerr.UnknownTopicOrPartition), detail.Err == nil && len(detail.Partitions) == 0:
			missing = append(missing, fmt.Sprintf("%s (%s)", t.name, t.key))
		case detail.Err != nil:
			return fmt.Errorf("topic %s (%s): %w", t.name, t.key, detail.Err)
		}
	}
	if len(missing) == 0 {
		return nil
	}
	err = fmt.Errorf("missing topics: %s: create them", strings.Join(missing, ", "))
	if !topics.Has(c.cfg.Input) {
		return fmt.Errorf("%w; %w", errInputMissing, err)
	}
	return err
}

// commitStart gives a group that has no offset for the input its start position in every partition, before any
// member joins: with start: latest the present end, or the beginning where the topic appeared after us. A
// partition without an offset is then one that was added later, and is read from its beginning.
//
// Kafka takes a commit without a member only while the group is empty. So of several instances that start at
// once each commits before the first of them joins, and all read back the same positions.
func (c *Consumer) commitStart(ctx context.Context, admin *kadm.Client, appeared bool) error {
	if c.cfg.Start != StartLatest {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.ConnectTimeout)
	defer cancel()
	committed, err := admin.FetchOffsetsForTopics(ctx, c.cfg.Group, c.cfg.Input)
	if err != nil && !errors.Is(err, kerr.GroupIDNotFound) {
		return fmt.Errorf("fetch offsets of group %q: %w", c.cfg.Group, err)
	}
	for _, o := range committed.Offsets().Sorted() {
		if o.At >= 0 {
			return nil
		}
	}
	list := admin.ListEndOffsets
	if appeared {
		list = admin.ListStartOffsets
	}
	positions, err := list(ctx, c.cfg.Input)
	if err == nil {
		err = positions.Error()
	}
	if err != nil {
		return fmt.Errorf("list offsets of %s: %w", c.cfg.Input, err)
	}
	answers, err := admin.CommitOffsets(ctx, c.cfg.Group, positions.Offsets())
	if err == nil {
		err = answers.Error()
	}
	if errors.Is(err, kerr.UnknownMemberID) || errors.Is(err, kerr.IllegalGeneration) {
		return fmt.Errorf("group %q has members but no offset for %s: waiting until they commit one or leave", c.cfg.Group, c.cfg.Input)
	}
	if err != nil {
		return fmt.Errorf("commit the start positions of group %q: %w", c.cfg.Group, err)
	}
	c.log.Info("start positions committed", "group", c.cfg.Group, "topic", c.cfg.Input, "partitions", len(positions[c.cfg.Input]))
	return nil
}

// defaultLimit is what Kafka takes where nobody configured otherwise (message.max.bytes is 1,048,588), less a
// little for the request around it. leastLimit is where halving it ends.
const (
	defaultLimit = 1_000_012
	leastLimit   = 1 << 10
)

// readLimits asks the output and dead-letter topics for their max.message.bytes, so that the client itself sees
// which record is too large: the broker refuses a batch whole and does not say which of its records is at fault.
func (c *Consumer) readLimits(ctx context.Context, admin *kadm.Client) limits {
	l := limits{output: c.assumed, deadLetters: c.assumed}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.ConnectTimeout)
	defer cancel()
	configs, err := admin.DescribeTopicConfigs(ctx, c.cfg.Output, c.cfg.DeadLetters)
	if err != nil {
		c.log.Warn("the topics' max.message.bytes cannot be read: grant DESCRIBE_CONFIGS", "assumed", c.assumed, "error", err)
		return l
	}
	read := 0
	for _, t := range []struct {
		name  string
		limit *int32
	}{{c.cfg.Output, &l.output}, {c.cfg.DeadLetters, &l.deadLetters}} {
		topic, err := configs.On(t.name, nil)
		if err == nil {
			err = topic.Err
		}
		if err != nil {
			c.log.Warn("max.message.bytes cannot be read: grant DESCRIBE_CONFIGS", "topic", t.name, "assumed", c.assumed, "error", err)
			continue
		}
		for _, entry := range topic.Configs {
			if entry.Key != "max.message.bytes" || entry.Value == nil {
				continue
			}
			if n, err := strconv.ParseInt(*entry.Value, 10, 32); err == nil && n > 0 {
				*t.limit = int32(n)
				read++
			}
		}
	}
	l.known = read == 2
	return l
}
