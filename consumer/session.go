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
	polled     chan error              // what ended the poll loop

	mu       sync.Mutex
	workers  map[int32]*partition
	troubles map[int32]error  // what stalls a partition, by partition
	group    error            // what the group cannot do; nil once it works again
	unread   map[int32]string // the last fetch error logged, by partition
}

func (c *Consumer) newSession(ctx context.Context, l limits) (*session, error) {
	s := &session{
		cfg: &c.cfg, limits: l, newHandler: c.newHandler, metrics: c.metrics, log: c.log,
		workers: map[int32]*partition{}, troubles: map[int32]error{},
		unread: map[int32]string{},
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

// run polls until the service stops (nil) or the client is broken. The poll itself may be held up by a rebalance for
// longer than a stop may take; it is not waited for.
func (s *session) run(ctx context.Context) error {
	s.polled = make(chan error, 1)
	go func() { s.polled <- s.poll(ctx) }()
	select {
	case err := <-s.polled:
		s.polled <- nil // For close.
		return err
	case <-s.polling.Done():
	}
	if ctx.Err() != nil {
		return nil
	}
	return context.Cause(s.polling)
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
		failed, err := s.fetchErrors(fetches)
		if err != nil {
			return err
		}
		fetches.EachPartition(func(fetched kgo.FetchTopicPartition) {
			if len(fetched.Records) == 0 {
				return
			}
			p := s.worker(fetched.Partition)
			if p == nil { // The client would go on behind them.
				s.fail(fmt.Errorf("records of %s/%d came without the partition", fetched.Topic, fetched.Partition))
				return
			}
			p.offer(fetched.Records, fetched.HighWatermark, at)
		})
		s.client.AllowRebalance()
		if failed && fetches.NumRecords() == 0 {
			// What the client does not retry by itself comes back at once, poll after poll.
			select {
			case <-s.polling.Done():
			case <-time.After(refusedPause):
			}
		}
	}
}

// refusedPause is the pause after a poll that brought only errors.
const refusedPause = 250 * time.Millisecond

// fetchErrors logs what a poll could not read, once for each partition while it stays the same, and returns an error
// that only a new client can mend.
func (s *session) fetchErrors(fetches kgo.Fetches) (failed bool, fatal error) {
	fetches.EachError(func(topic string, id int32, err error) {
		failed = true
		if beyondRepair(err) {
			fatal = fmt.Errorf("read %s/%d: %w", topic, id, err)
			return
		}
		if topic == "" { // The client's way to tell of the group; late news where there are partitions again.
			s.mu.Lock()
			if len(s.workers) == 0 {
				s.group = err
			}
			s.mu.Unlock()
		}
		if text := err.Error(); text != s.unread[id] {
			s.unread[id] = text
			s.log.Warn("cannot read", "topic", topic, "partition", id, "error", err)
		}
	})
	return failed, fatal
}

// report keeps what stalls a partition, for readiness, and logs where that begins and ends.
func (s *session) report(p *partition, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.workers[p.id] != p {
		return // It is not ours any more: nobody would ever report its recovery.
	}
	before, known := s.troubles[p.id]
	switch {
	case err == nil && known:
		delete(s.troubles, p.id)
		s.log.Info("partition resumed", "topic", p.topic, "partition", p.id)
		return
	case err == nil:
		return
	case !known || before.Error() != err.Error():
		s.log.Warn("partition stalled", "topic", p.topic, "partition", p.id, "error", err)
	}
	s.troubles[p.id] = err
	if beyondRepair(err) || errors.Is(err, kerr.MessageTooLarge) {
		s.fail(err) // A topic takes less than we thought: a new client reads its limit again, or assumes a lower one.
	}
}

// trouble is what stalls the first partition that does not move, or nil.
func (s *session) trouble() error {
	s.mu.Lock()
	var first error
	for _, id := range slices.Sorted(maps.Keys(s.troubles)) {
		first = cmp.Or(first, s.troubles[id])
	}
	workers := slices.Collect(maps.Values(s.workers))
	s.mu.Unlock() // A partition's lock is never taken under the session's: report goes the other way.
	for _, p := range workers {
		first = cmp.Or(first, p.stalled())
	}
	return first
}

// joined is nil while the client is a member of the group.
func (s *session) joined() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.group != nil {
		return s.group
	}
	if member, generation := s.client.GroupMetadata(); member == "" || generation < 0 {
		return fmt.Errorf("group %q is not joined yet", s.cfg.Group)
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

// The parts of the ten seconds that a stop may take.
const (
	drainTimeout  = 5 * time.Second
	commitTimeout = 1500 * time.Millisecond
	leaveTimeout  = 1500 * time.Millisecond
)

// close drains and leaves: the batches in flight are waited for, marks committed, and only then is the group told.
// The client's calls outlast any context when brokers are silent: each has its share of the time, and what is not done
// by then is left behind.
func (s *session) close() {
	s.fail(nil)
	drain, cancel := context.WithTimeout(context.Background(), drainTimeout)
	defer cancel()
	s.end(drain, s.removeAll())
	if !within(commitTimeout, func() { s.commit(context.Background(), commitTimeout) }) {
		s.log.Warn("the last offsets are not committed in time: their records may be scored again")
	}
	if !within(leaveTimeout, func() {
		released := make(chan struct{})
		go func() { // A poll that a rebalance has held up holds the next one up when it returns.
			defer close(released)
			<-s.polled
			s.client.AllowRebalance()
		}()
		s.client.CloseAllowingRebalance()
		<-released
	}) {
		s.log.Warn("the group is not left in time: it gives our partitions away when the session times out")
	}
}

// commit commits what is marked of partitions that are about to go.
func (s *session) commit(ctx context.Context, limit time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	if err := s.client.CommitMarkedOffsets(ctx); err != nil {
		s.log.Warn("the last offsets are not committed: their records will be scored again", "error", err)
	}
}

// within runs f and tells whether it returned in time; if not, it goes on by itself.
func within(limit time.Duration, f func()) bool {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}
