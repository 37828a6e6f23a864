package demo

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	poisonEvery = 5_000 // One record in so many cannot be scored.
	traceEvery  = 100   // One trace in so many is marked as sampled.
)

// traffic plays a World into Kafka at a steady rate of wall time. Event time passes as fast as the world's events do.
type traffic struct {
	client *kgo.Client
	world  *World
	ledger *ledger
	writer *featureWriter
	traces *rand.Rand

	refused atomic.Pointer[error] // The first record that Kafka did not take.
}

func newTraffic(brokers []string, world *World, ledger *ledger, writer *featureWriter) (*traffic, error) {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(brokers...),
		kgo.ClientID("demo-traffic"),
		kgo.DefaultProduceTopic(Transactions),
		kgo.ProducerLinger(time.Millisecond),
	)
	if err != nil {
		return nil, fmt.Errorf("connect the traffic: %w", err)
	}
	return &traffic{
		client: client,
		world:  world,
		ledger: ledger,
		writer: writer,
		traces: rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64())),
	}, nil
}

// run sends until ctx ends, then waits until everything sent is acknowledged. Late events are sent at once and keep
// the time they were due.
func (t *traffic) run(ctx context.Context, rate int) error {
	schedule := pace{start: time.Now(), rate: int64(rate)}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for n := int64(0); ctx.Err() == nil; {
		now := time.Now()
		if end, ok := ctx.Deadline(); ok && now.After(end) {
			now = end
		}
		for upTo := schedule.count(now); n < upTo && ctx.Err() == nil; n++ {
			t.send(n, schedule.due(n))
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}

	// The end of ctx is the end of the traffic, not of what is on its way.
	flush, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	if err := t.client.Flush(flush); err != nil {
		return fmt.Errorf("flush transactions: %w", err)
	}
	if err := t.refused.Load(); err != nil {
		return fmt.Errorf("produce transactions: %w", *err)
	}
	return nil
}

func (t *traffic) close() { t.client.Close() }

func (t *traffic) send(n int64, due time.Time) {
	event := t.world.Next()
	if updates := t.world.Updates(); updates != nil {
		t.writer.put(updates)
	}
	value := event.AppendJSON(make([]byte, 0, 288))
	t.ledger.enter(event.TransactionID, entry{due: due, fraud: event.Fraud})
	t.produce(event.UserID, value)

	if n%poisonEvery == poisonEvery/2 {
		event.TransactionID = "px" + event.TransactionID[2:]
		spoilt := poison(event.AppendJSON(nil), int(n/poisonEvery))
		t.ledger.enter(string(spoilt), entry{due: due, poison: true})
		t.produce(event.UserID, spoilt)
	}
}

// produce does not take ctx: a record that is given up half-way may be in the topic nevertheless, and the ledger
// could not say whether it counts.
func (t *traffic) produce(user string, value []byte) {
	record := &kgo.Record{
		Key:     []byte(user),
		Value:   value,
		Headers: []kgo.RecordHeader{{Key: "traceparent", Value: t.traceparent()}},
	}
	t.client.Produce(context.Background(), record, func(_ *kgo.Record, err error) {
		if err != nil {
			t.refused.CompareAndSwap(nil, &err)
		}
	})
}

// traceparent starts a new trace in W3C Trace Context form: version, trace id, span id, flags.
func (t *traffic) traceparent() []byte {
	flags := 0
	if t.traces.IntN(traceEvery) == 0 {
		flags = 1
	}
	// An id of nothing but zeros is invalid; the lowest bit rules that out.
	return fmt.Appendf(nil, "00-%016x%016x-%016x-%02x",
		t.traces.Uint64(), t.traces.Uint64()|1, t.traces.Uint64()|1, flags)
}
