package consumer

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

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

// partition is one assigned partition: its queue, its worker, and the one batch on its way out.
//
// Only one batch is with the producer at a time; the next is scored meanwhile. With several, a write that Kafka
// refuses could be overtaken by the ones behind it, and a key's predictions would change their order.
type partition struct {
	topic   string
	id      int32
	cfg     *Config
	limits  limits
	client  kafka
	handler Handler
	metrics *meters
	report  func(p *partition, err error) // tells the session of trouble (err) or that it is over (nil)

	ctx    context.Context    //nolint:containedctx // The worker's life: it outlives the call that starts it.
	cancel context.CancelFunc // only close calls it
	done   chan struct{}      // closed when the worker has returned

	mu       sync.Mutex
	changed  *sync.Cond // the queue, inFlight or the state below
	queue    []poll
	queued   int           // records in queue
	bytes    int           // of those records
	inFlight *Batch        // with the producer, or given back by it; nil when everything is marked
	since    time.Time     // when inFlight was first handed to the producer
	paused   bool          // fetching is paused because the queue is full
	stopping bool          // take no new batch; wait for the one in flight
	closed   bool          // mark nothing any more
	backoff  time.Duration // the last pause after trouble; zero while all is well
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
	p.ctx, p.cancel = context.WithCancel(context.Background())
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
	for _, r := range records {
		p.bytes += recordBytes(r)
	}
	p.next, p.end = records[len(records)-1].Offset+1, highWatermark
	if (p.queued >= p.cfg.QueueRecords || p.bytes >= maxQueueBytes) && !p.paused {
		p.paused = true
		p.client.PauseFetchPartitions(map[string][]int32{p.topic: {p.id}})
	}
	p.changed.Broadcast()
}

// take moves records from the queue into a batch: up to MaxBatch, and no more bytes than a batch should hold. The
// caller holds the lock.
func (p *partition) take() *Batch {
	b := &Batch{output: p.cfg.Output, deadLetters: p.cfg.DeadLetters}
	n, bytes := min(p.queued, p.cfg.MaxBatch), 0
	b.Records = make([]*kgo.Record, 0, n)
	b.PolledAt = make([]time.Time, 0, n)
	for len(b.Records) < n && bytes < maxBatchBytes {
		head := &p.queue[0]
		r := head.records[0]
		b.Records = append(b.Records, r)
		b.PolledAt = append(b.PolledAt, head.at)
		bytes += recordBytes(r)
		head.records[0] = nil // The array behind the queue outlives its records.
		if head.records = head.records[1:]; len(head.records) == 0 {
			p.queue[0] = poll{}
			p.queue = p.queue[1:]
		}
	}
	p.queued -= len(b.Records)
	p.bytes -= bytes
	if p.paused && p.queued < p.cfg.QueueRecords/2 && p.bytes < maxQueueBytes/2 {
		p.resume()
	}
	return b
}

// Besides their numbers, records are bounded by their bytes: in a partition's queue, and in a batch.
const (
	maxQueueBytes = 16 << 20
	maxBatchBytes = 2 << 20
)

// recordBytes is about what a record takes in memory.
func recordBytes(r *kgo.Record) int {
	const overhead, header = 200, 40 // the structs themselves and their places in the slices
	return recordSize(r, overhead, header)
}

// resume lets the client fetch again. The caller holds the lock, so that a pause and a resume of two goroutines
// reach the client in the order in which they were decided.
func (p *partition) resume() {
	p.paused = false
	p.client.ResumeFetchPartitions(map[string][]int32{p.topic: {p.id}})
}

// run is the worker: it scores a batch, waits until the one before it is marked, and hands it to the producer.
func (p *partition) run() {
	defer close(p.done)
	for {
		b, ok := p.await()
		if !ok {
			return
		}
		if b == nil { // The batch in flight came back while there was nothing to score.
			if !p.clear() {
				return
			}
			continue
		}
		if !p.handle(b) || !p.clear() {
			return
		}
		p.produce(b)
	}
}

// await blocks until there is a batch to score (b), or the batch in flight has failed (nil), or the worker is to
// end (not ok): at a stop that is when nothing is with the producer any more.
func (p *partition) await() (b *Batch, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for {
		switch {
		case p.closed, p.stopping && (p.inFlight == nil || p.inFlight.left == 0):
			return nil, false
		case p.inFlight != nil && p.inFlight.left == 0:
			return nil, true
		case !p.stopping && p.queued > 0:
			return p.take(), true
		}
		p.changed.Wait()
	}
}

// clear waits until the batch in flight is marked. Where it failed it is handled and produced again, as often as it
// takes: it is never passed over. Those of its outputs that had succeeded are repeated, as at-least-once allows;
// they carry the same identity. False means that the worker is to end.
func (p *partition) clear() bool {
	for {
		p.mu.Lock()
		for p.inFlight != nil && p.inFlight.left > 0 && !p.closed {
			p.changed.Wait()
		}
		failed, end := p.inFlight, p.stopping || p.closed
		p.mu.Unlock()
		if failed == nil {
			return !end
		}
		if end {
			return false
		}
		if cause := failed.learn(p.cfg, p.limits); cause != nil && !p.pause(fmt.Errorf(
			"write outputs of %s/%d from offset %d %w", p.topic, p.id, failed.Records[0].Offset, cause)) {
			return false
		}
		if !p.handle(failed) {
			return false
		}
		p.produce(failed)
	}
}

// handle has the batch answered, as often as it takes. False means that the worker is to end.
func (p *partition) handle(b *Batch) bool {
	for {
		b.reset()
		err := p.handler.Handle(p.ctx, b)
		if err == nil {
			b.finish()
			return true
		}
		if !p.pause(fmt.Errorf("handle %s/%d at offset %d: %w", p.topic, p.id, b.Records[0].Offset, err)) {
			return false
		}
	}
}

// produce hands the batch's outputs to the producer, in order. It blocks while the producer's buffer is full.
func (p *partition) produce(b *Batch) {
	p.mu.Lock()
	if p.inFlight != b {
		p.inFlight, p.since = b, time.Now()
	}
	b.left = len(b.out)
	p.mu.Unlock()
	promise := func(r *kgo.Record, err error) { p.acknowledge(b, r, err) }
	for i := range b.out {
		// The client looks at the context only while a record was not sent yet: what is given up late may still
		// be written, and is then written twice.
		p.client.Produce(p.ctx, &b.out[i], promise)
	}
}

// acknowledge settles one output; with the last one, if all succeeded, the batch is marked.
func (p *partition) acknowledge(b *Batch, output *kgo.Record, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !b.settle(output, err) {
		return
	}
	if len(b.failed) == 0 && !p.closed {
		p.inFlight = nil
		p.client.MarkCommitRecords(b.last())
		p.metrics.settled(b)
		if b.Acknowledged != nil {
			b.Acknowledged(b.predictions())
		}
		if p.backoff > 0 {
			p.backoff = 0
			p.report(p, nil)
		}
	}
	p.changed.Broadcast()
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

// stop lets the worker end once the batch in flight is settled. What is queued is forgotten: it is unmarked, and
// whoever gets the partition next reads it again.
func (p *partition) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopping = true
	p.queue, p.queued, p.bytes = nil, 0, 0
	if p.paused {
		p.resume() // A pause would outlive the assignment inside the client.
	}
	p.changed.Broadcast()
}

// close gives the worker up, or ends one that is done: nothing is marked from here on, whatever acknowledgement
// still arrives.
func (p *partition) close() {
	p.mu.Lock()
	p.closed = true
	p.changed.Broadcast()
	p.mu.Unlock()
	p.cancel()
}

// slowAcknowledgement is how long Kafka may take for a batch before the partition counts as stalled: the client
// itself retries what may pass for ever, without a word.
const slowAcknowledgement = 5 * time.Second

// stalled is an error when the batch in flight has been waiting for too long.
func (p *partition) stalled() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.inFlight == nil || p.inFlight.left == 0 {
		return nil
	}
	if waits := time.Since(p.since); waits > slowAcknowledgement {
		return fmt.Errorf("outputs of %s/%d from offset %d have had no acknowledgement for %v",
			p.topic, p.id, p.inFlight.Records[0].Offset, waits.Round(time.Second))
	}
	return nil
}

// state is the partition as the status page shows it.
func (p *partition) state() PartitionState {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := PartitionState{Topic: p.topic, Partition: p.id, Queue: p.queued}
	s.Lag = max(0, p.end-p.next) + int64(p.queued)
	if p.inFlight != nil {
		s.Lag += int64(len(p.inFlight.Records))
	}
	return s
}
