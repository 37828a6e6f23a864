package consumer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// maxPoll bounds the records of one poll, over all partitions.
const maxPoll = 10_000

// drainTimeout bounds how long a shutdown waits for batches in flight.
const drainTimeout = 6 * time.Second

// session is one Kafka client and the partitions assigned to it.
type session struct {
	cfg        *Config
	limits     limits
	client     *kgo.Client
	newHandler func() Handler
	metrics    *meters
	log        *slog.Logger
	fail       context.CancelCauseFunc // ends the poll loop with a failure that this client cannot outlive
	polling    context.Context         //nolint:containedctx // What fail ends; made with the session.

	mu       sync.Mutex
	workers  map[int32]*partition
	troubles map[int32]error // what stops a partition's line, by partition
	fetching string          // the last fetch error logged
}

func (c *Consumer) newSession(ctx context.Context, l limits) (*session, error) {
	s := &session{
		cfg: &c.cfg, limits: l, newHandler: c.newHandler, metrics: c.metrics, log: c.log,
		workers: map[int32]*partition{}, troubles: map[int32]error{},
	}
	s.polling, s.fail = context.WithCancelCause(ctx)
	opts, err := c.clientOptions()
	if err != nil {
		return nil, err
	}
	opts = append(
		opts,
		kgo.ProducerBatchMaxBytesFn(func(topic string) int32 { return l.of(&c.cfg, topic) }),
		kgo.OnPartitionsAssigned(s.assigned),
		kgo.OnPartitionsRevoked(s.revoked),
		kgo.OnPartitionsLost(s.lost),
	)
	if s.client, err = kgo.NewClient(opts...); err != nil {
		return nil, fmt.Errorf("kafka client: %w", err)
	}
	return s, nil
}

// poll feeds the partitions until the service stops (nil) or the client is broken. Between a poll and
// AllowRebalance no partition comes or goes.
func (s *session) poll(ctx context.Context) error {
	for {
		fetches := s.client.PollRecords(s.polling, maxPoll)
		at := time.Now()
		if ctx.Err() != nil {
			return nil
		}
		if s.polling.Err() != nil {
			return context.Cause(s.polling)
		}
		if err := s.fetchErrors(fetches); err != nil {
			return err
		}
		fetches.EachPartition(func(fetched kgo.FetchTopicPartition) {
			if len(fetched.Records) == 0 {
				return
			}
			if p := s.worker(fetched.Partition); p != nil {
				p.offer(fetched.Records, fetched.HighWatermark, at)
			}
		})
		s.client.AllowRebalance()
	}
}

// fetchErrors logs what a poll could not read, once while it stays the same, and returns an error that only a
// new client can mend.
func (s *session) fetchErrors(fetches kgo.Fetches) error {
	var fatal error
	fetches.EachError(func(topic string, id int32, err error) {
		if beyondRepair(err) {
			fatal = fmt.Errorf("read %s/%d: %w", topic, id, err)
			return
		}
		if text := fmt.Sprintf("%s/%d: %v", topic, id, err); text != s.fetching {
			s.fetching = text
			s.log.Warn("cannot read", "topic", topic, "partition", id, "error", err)
		}
	})
	return fatal
}

// report keeps what stops a partition's line, for readiness, and logs where that begins and ends.
func (s *session) report(p *partition, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before, known := s.troubles[p.id]
	switch {
	case err == nil && known:
		delete(s.troubles, p.id)
		s.log.Info("the line moves again", "topic", p.topic, "partition", p.id)
		return
	case err == nil:
		return
	case !known || before.Error() != err.Error():
		s.log.Warn("the line stands", "topic", p.topic, "partition", p.id, "error", err)
	}
	s.troubles[p.id] = err
	if beyondRepair(err) || errors.Is(err, kerr.MessageTooLarge) && s.limits.known {
		s.fail(err) // A topic takes less than when its limit was read: a new client reads it again.
	}
}

// trouble is what stops the first partition that stands, or nil.
func (s *session) trouble() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(s.troubles)) {
		return s.troubles[id]
	}
	return nil
}

func (s *session) worker(id int32) *partition {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.workers[id]
}

func (s *session) partitions() []PartitionState {
	s.mu.Lock()
	workers := slices.Collect(maps.Values(s.workers))
	s.mu.Unlock() // A partition's lock is never taken under the session's: report goes the other way.
	states := make([]PartitionState, 0, len(workers))
	for _, p := range workers {
		states = append(states, p.state())
	}
	slices.SortFunc(states, func(a, b PartitionState) int { return cmp.Compare(a.Partition, b.Partition) })
	return states
}

// close drains and leaves: batches in flight are waited for, marks committed, and only then is the group told.
func (s *session) close() {
	s.fail(nil)
	ctx, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	s.end(ctx, s.removeAll())
	commit, cancelCommit := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancelCommit()
	if err := s.client.CommitMarkedOffsets(commit); err != nil && !errors.Is(err, context.Canceled) {
		s.log.Warn("the last offsets are not committed: their records will be scored again", "error", err)
	}
	leave, cancelLeave := context.WithTimeout(context.Background(), time.Second)
	defer cancelLeave()
	s.client.AllowRebalance()
	if err := s.client.LeaveGroupContext(leave); err != nil {
		s.log.Debug("the group was not told of our leaving", "error", err)
	}
	s.client.CloseAllowingRebalance()
}
