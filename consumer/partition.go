package consumer

import (
	"cmp"
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// maxInFlight is how many batches of a partition may wait for their acknowledgements: enough that the worker
// scores while Kafka writes, few enough that memory stays bounded.
const maxInFlight = 16

// The pauses between two tries of what failed, doubling from the first to the last.
const (
	firstBackoff = 100 * time.Millisecond
	lastBackoff  = 5 * time.Second
)

// kafka is what a partition needs of the client.
type kafka interface {
	Produce(ctx context.Context, r *kgo.Record, promise func(*kgo.Record, error))
	MarkCommitRecords(rs ...*kgo.Record)
	PauseFetchPartitions(map[string][]int32) map[string][]int32
	ResumeFetchPartitions(map[string][]int32)
}

// partition is one assigned partition: its queue, its worker, and its batches on their way out.
type partition struct {
	topic   string
	id      int32
	cfg     *Config
	limits  limits
	client  kafka
	handler Handler
	metrics *meters
	report  func(p *partition, err error) // tells the session of trouble (err) or that it is over (nil)

	ctx     context.Context    //nolint:containedctx // The worker's life: it outlives the call that starts it.
	abandon context.CancelFunc // ends it without waiting for acknowledgements
	done    chan struct{}      // closed when the worker has returned

	mu       sync.Mutex
	changed  *sync.Cond // the queue, inFlight or the state below
	queue    []poll
	queued   int           // records in queue
	inFlight []*Batch      // produced, oldest first, not yet marked
	paused   bool          // fetching is paused because the queue is full
	stopping bool          // take no new batch; wait for those in flight
	backoff  time.Duration // the last pause after trouble; zero while all is well
	closed   bool          // mark nothing any more
	next     int64         // offset behind the newest queued record
	end      int64         // high watermark as the last poll saw it
}

// poll is what one poll brought for the partition.
type poll struct {
	records []*kgo.Record
	at      time.Time
}

// start begins the worker.
func (p *partition) start() {
	p.changed = sync.NewCond(&p.mu)
	p.ctx, p.abandon = context.WithCancel(context.Background())
	p.done = make(chan struct{})
	go p.run()
}

// offer queues what a poll brought. It never blocks: a full queue pauses the partition's fetching instead.
func (p *partition) offer(records []*kgo.Record, highWatermark int64, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return
	}
	p.queue = append(p.queue, poll{records, at})
	p.queued += len(records)
	p.next, p.end = records[len(records)-1].Offset+1, highWatermark
	if p.queued >= p.cfg.QueueRecords && !p.paused {
		p.paused = true
		p.client.PauseFetchPartitions(map[string][]int32{p.topic: {p.id}})
	}
	p.changed.Broadcast()
}

// take moves up to MaxBatch records from the queue into a batch. The caller holds the lock.
func (p *partition) take() *Batch {
	b := &Batch{output: p.cfg.Output, deadLetters: p.cfg.DeadLetters}
	n := min(p.queued, p.cfg.MaxBatch)
	b.Records = make([]*kgo.Record, 0, n)
	b.PolledAt = make([]time.Time, 0, n)
	for len(b.Records) < n {
		head := &p.queue[0]
		some := min(len(head.records), n-len(b.Records))
		b.Records = append(b.Records, head.records[:some]...)
		for range some {
			b.PolledAt = append(b.PolledAt, head.at)
		}
		if head.records = head.records[some:]; len(head.records) == 0 {
			p.queue = p.queue[1:]
		}
	}
	p.queued -= n
	if p.paused && p.queued < p.cfg.QueueRecords/2 {
		p.resume()
	}
	return b
}

// resume lets the client fetch again. The caller holds the lock, so that a pause and a resume of two goroutines
// reach the client in the order in which they were decided.
func (p *partition) resume() {
	p.paused = false
	p.client.ResumeFetchPartitions(map[string][]int32{p.topic: {p.id}})
}

// run is the worker: batch after batch, until it is stopped or abandoned.
func (p *partition) run() {
	defer close(p.done)
	for {
		next, failed := p.wait()
		switch {
		case next != nil && p.process(next):
		case failed != nil && p.retry(failed):
		default:
			return
		}
	}
}

// wait blocks until there is a batch to handle, or all batches in flight are settled and the oldest failed, or
// the worker is to end (nil, nil).
func (p *partition) wait() (next *Batch, failed []*Batch) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		headFailed := len(p.inFlight) > 0 && p.inFlight[0].left == 0
		switch {
		case p.closed, p.stopping && (len(p.inFlight) == 0 || headFailed):
			return nil, nil
		case headFailed && p.allSettled():
			failed, p.inFlight = p.inFlight, nil
			return nil, failed
		case !headFailed && !p.stopping && p.queued > 0 && len(p.inFlight) < p.width():
			return p.take(), nil
		}
		p.changed.Wait()
	}
}

// width is how many batches may be in flight: one at a time while there is trouble. The caller holds the lock.
func (p *partition) width() int {
	if p.backoff > 0 {
		return 1
	}
	return maxInFlight
}

// allSettled tells whether nothing of this partition is with the producer. The caller holds the lock.
func (p *partition) allSettled() bool {
	for _, b := range p.inFlight {
		if b.left > 0 {
			return false
		}
	}
	return true
}

// process has the batch handled, as often as it takes, and produces its outputs. False means that the worker
// is to end; the batch's records stay unmarked then.
func (p *partition) process(b *Batch) bool {
	for {
		b.reset()
		err := p.handler.Handle(p.ctx, b)
		if err == nil {
			break
		}
		if !p.pause(fmt.Errorf("handle %s/%d at offset %d: %w", p.topic, p.id, b.Records[0].Offset, err)) {
			return false
		}
	}
	b.finish()
	p.produce(b)
	return true
}

// produce hands the outputs to the producer, in order, and the batch to the queue of those in flight.
func (p *partition) produce(b *Batch) {
	p.mu.Lock()
	b.left = len(b.out)
	p.inFlight = append(p.inFlight, b)
	p.mu.Unlock()
	promise := func(r *kgo.Record, err error) { p.acknowledge(b, r, err) }
	for i := range b.out {
		p.client.Produce(p.ctx, &b.out[i], promise)
	}
}

// acknowledge settles one output. Batches end in any order, as their outputs go to several partitions; only
// from the oldest on, without a gap, are they marked.
func (p *partition) acknowledge(b *Batch, output *kgo.Record, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !b.settle(output, err) {
		return
	}
	var marked *kgo.Record
	for len(p.inFlight) > 0 && p.inFlight[0].left == 0 && len(p.inFlight[0].failed) == 0 {
		marked = p.inFlight[0].last()
		p.metrics.settled(p.inFlight[0])
		p.inFlight = p.inFlight[1:]
	}
	if marked != nil && !p.closed {
		p.client.MarkCommitRecords(marked)
		if p.backoff > 0 {
			p.backoff = 0
			p.report(p, nil)
		}
	}
	p.changed.Broadcast()
}

// retry goes back to the first unmarked record: every batch from the one that failed on is handled and produced
// again, in order. Those behind it that had succeeded are repeated too, as at-least-once allows; they carry the
// same identity. It backs off first, unless all that failed was too large and goes as a dead letter now.
func (p *partition) retry(failed []*Batch) bool {
	var cause error
	for _, b := range failed {
		cause = cmp.Or(cause, b.learn(p.cfg, p.limits))
	}
	if cause != nil && !p.pause(fmt.Errorf("write outputs of %s/%d from offset %d: %w",
		p.topic, p.id, failed[0].Records[0].Offset, cause)) {
		return false
	}
	for _, b := range failed {
		if !p.process(b) {
			return false
		}
	}
	return true
}

// pause reports the trouble and waits before the next try, twice as long each time. It answers false at once
// when the worker is to end.
func (p *partition) pause(trouble error) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping || p.closed {
		return false
	}
	p.backoff = min(max(2*p.backoff, firstBackoff), lastBackoff)
	p.report(p, trouble)
	over := false
	timer := time.AfterFunc(p.backoff, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		over = true
		p.changed.Broadcast()
	})
	defer timer.Stop()
	for !over && !p.stopping && !p.closed {
		p.changed.Wait()
	}
	return !p.stopping && !p.closed
}

// stop lets the worker end once its batches in flight are acknowledged. What is queued is forgotten: it is
// unmarked, and whoever gets the partition next reads it again.
func (p *partition) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopping = true
	p.queue, p.queued = nil, 0
	if p.paused {
		p.resume() // A pause would outlive the assignment inside the client.
	}
	p.changed.Broadcast()
}

// close gives the worker up: nothing is marked from here on, whatever acknowledgement still arrives.
func (p *partition) close() {
	p.mu.Lock()
	p.closed = true
	p.changed.Broadcast()
	p.mu.Unlock()
	p.abandon()
}

// state is the partition as the status page shows it.
func (p *partition) state() PartitionState {
	p.mu.Lock()
	defer p.mu.Unlock()
	return PartitionState{Topic: p.topic, Partition: p.id, Lag: max(0, p.end-p.next) + int64(p.queued), Queue: p.queued}
}
