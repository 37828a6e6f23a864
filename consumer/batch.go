package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Handler turns one batch of one partition into its outputs. A handler belongs to one partition and is called
// by one goroutine, so its scratch memory needs no lock; what it hands to the batch it must not touch again.
type Handler interface {
	// Handle answers every record of the batch by [Batch.Publish] or [Batch.Reject]. An error means that a
	// dependency failed: the same batch is handed in again after a pause, and nothing of it is published.
	Handle(ctx context.Context, b *Batch) error
}

// Batch is a run of consecutive records of one partition and the outputs that answer them.
type Batch struct {
	// Records are the inputs in offset order. They belong to the Kafka client and must not be changed.
	Records []*kgo.Record
	// PolledAt holds for each record when the poll that brought it returned.
	PolledAt []time.Time
	// Acknowledged, where the handler sets it, is called once every output has reached its topic, with the number of
	// those that are predictions. It must be quick and safe beside the handler's own goroutine.
	Acknowledged func(predictions int)

	output, deadLetters string // topics

	answers  []answer
	out      []kgo.Record // one output a record; the producer's until acknowledged
	tooLarge map[int]oversize
	left     int           // outputs without an acknowledgement yet; guarded by the partition's lock
	failed   []failedWrite // likewise
}

// answer says what became of a record. Its zero value means that the handler has not said.
type answer struct {
	class  string // of the dead letter; empty for a prediction
	reason string
	known  bool
}

// oversize says which outputs of a record Kafka found too large. It outlives the attempts: a second try with
// the same bytes would end the same.
type oversize struct{ prediction, deadLetter bool }

// failedWrite is an output that the producer gave back.
type failedWrite struct {
	index int
	err   error
}

// Publish answers record i with a prediction. It takes its key and its creation time is now. The batch owns
// value and headers from here on.
func (b *Batch) Publish(i int, value []byte, headers []kgo.RecordHeader) {
	in := b.Records[i]
	b.answers[i] = answer{known: true}
	b.out[i] = kgo.Record{Topic: b.output, Key: in.Key, Value: value, Headers: headers, Partition: in.Partition}
}

// Reject answers record i with a dead letter: class is a short label from a bounded set, reason one line for
// whoever mends the record.
func (b *Batch) Reject(i int, class, reason string) {
	b.answers[i] = answer{class: class, reason: reason, known: true}
	b.out[i] = deadLetter(b.deadLetters, b.Records[i], b.answers[i])
}

// reset forgets the answers before the batch is handed to the handler, also for another time.
func (b *Batch) reset() {
	b.answers = make([]answer, len(b.Records))
	b.out = make([]kgo.Record, len(b.Records))
	b.failed, b.Acknowledged = nil, nil
}

// finish completes the answers after the handler is done: a record it forgot and a prediction that Kafka found
// too large become dead letters, and a dead letter that was too large goes without its value.
func (b *Batch) finish() {
	for i := range b.answers {
		if !b.answers[i].known {
			b.Reject(i, ClassInternal, "the handler gave no answer for this record")
		}
	}
	for i, size := range b.tooLarge {
		if size.prediction && b.answers[i].class == "" {
			b.Reject(i, ClassTooLarge, "its prediction is larger than the output topic takes")
		}
		if size.deadLetter && b.answers[i].class != "" {
			b.out[i] = truncatedDeadLetter(b.deadLetters, b.Records[i], b.answers[i])
		}
	}
}

// settle takes what the producer says of one output. The last one of the batch answers true. The caller holds
// the partition's lock.
func (b *Batch) settle(output *kgo.Record, err error) (last bool) {
	if err != nil {
		for i := range b.out {
			if &b.out[i] == output {
				b.failed = append(b.failed, failedWrite{index: i, err: err})
				break
			}
		}
	}
	b.left--
	return b.left == 0
}

// learn notes which outputs are too large for their topics, and returns the first failure that another try may
// mend; nil when every failure was one of size.
func (b *Batch) learn(cfg *Config, l limits) error {
	var first error
	for _, f := range b.failed {
		out := &b.out[f.index]
		size := b.tooLarge[f.index]
		if !errors.Is(f.err, kerr.MessageTooLarge) || size.deadLetter || outputSize(out) < int(l.of(cfg, out.Topic)) {
			if first == nil {
				first = fmt.Errorf("to %s: %w", out.Topic, f.err)
			}
			continue
		}
		if b.tooLarge == nil {
			b.tooLarge = map[int]oversize{}
		}
		if b.answers[f.index].class == "" {
			size.prediction = true
		} else {
			size.deadLetter = true
		}
		b.tooLarge[f.index] = size
	}
	return first
}

// outputSize is about what a record takes as a batch of its own, in bytes, rather too much than too little: it
// tells a record that is too large from one that shared a batch with it.
func outputSize(r *kgo.Record) int {
	const batch, header = 128, 16 // what the format adds to a batch of one record, and to a header
	return recordSize(r, batch, header)
}

// recordSize is the bytes of a record's parts, and what is added for itself and for each of its headers.
func recordSize(r *kgo.Record, itself, header int) int {
	n := itself + len(r.Key) + len(r.Value)
	for _, h := range r.Headers {
		n += header + len(h.Key) + len(h.Value)
	}
	return n
}

// predictions counts the answers that are no dead letters.
func (b *Batch) predictions() int {
	n := 0
	for i := range b.answers {
		if b.answers[i].class == "" {
			n++
		}
	}
	return n
}

// last is the record with the highest offset.
func (b *Batch) last() *kgo.Record { return b.Records[len(b.Records)-1] }

// NewBatch makes a batch outside a consumer, for tests and benchmarks of a [Handler].
func NewBatch(records []*kgo.Record, polledAt time.Time) *Batch {
	b := &Batch{Records: records, PolledAt: make([]time.Time, len(records))}
	for i := range b.PolledAt {
		b.PolledAt[i] = polledAt
	}
	b.reset()
	return b
}

// Output is what record i was answered with, for tests of a [Handler].
func (b *Batch) Output(i int) *kgo.Record { return &b.out[i] }
