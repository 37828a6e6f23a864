package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"millrace/consumer"
	"millrace/features"
	"millrace/swap"
	"millrace/telemetry"
)

// models is where the live model comes from: a *swap.Slot.
type models interface{ Load() *swap.Deployment }

// featureStore fills the store's columns of a batch: a *features.Store.
type featureStore interface {
	Fetch(ctx context.Context, c *features.Contract, keys [][]byte, rows []float64, status []features.Status) error
}

// pipeline is the way of a batch: model → decode → fetch → predict → encode. Each partition has its own, whose
// scratch memory lives from batch to batch; what it hands to Kafka is allocated once a batch.
type pipeline struct {
	models  models
	store   featureStore
	format  *predictionFormat
	metrics *telemetry.Predictions

	deployment *swap.Deployment // of the batch before; the three below belong to it
	names      []string         // of its features, as JSON strings
	modelName  []byte
	written    func(predictions int) // counts them

	good   []int // index in the batch of each event that decoded; the slices below run along it
	events []features.Event
	keys   [][]byte
	rows   []float64 // len(good) × contract
	status []features.Status
	scores []float64 // len(good) × outputs
}

// errNoModel cannot happen in serve, which polls nothing before there is a model.
var errNoModel = errors.New("there is no model")

// Handle implements [consumer.Handler]: every record becomes a prediction or a dead letter. The batch is scored
// by one deployment, the one that is live when it begins. An error means that no record of it is answered.
func (p *pipeline) Handle(ctx context.Context, b *consumer.Batch) error {
	d := p.models.Load()
	if d == nil {
		return errNoModel
	}
	p.decode(b, d)
	if err := p.store.Fetch(ctx, d.Contract, p.keys, p.rows, p.status); err != nil {
		return fmt.Errorf("fetch features: %w", err)
	}
	n := len(p.good) * d.Model.Outputs()
	p.scores = grow(p.scores, n)
	if err := d.Model.Predict(p.scores, p.rows); err != nil {
		return fmt.Errorf("predict with %s: %w", d.Name(), err)
	}
	p.encode(b, d)
	return nil
}

// decode scans the events into rows; what cannot be read becomes a dead letter at once.
func (p *pipeline) decode(b *consumer.Batch, d *swap.Deployment) {
	n, width := len(b.Records), d.Contract.Len()
	p.good, p.keys = p.good[:0], p.keys[:0]
	p.events = grow(p.events, n)
	p.rows, p.status = grow(p.rows, n*width), grow(p.status, n*width)
	for i, record := range b.Records {
		at := len(p.good)
		row, status := p.rows[at*width:(at+1)*width], p.status[at*width:(at+1)*width]
		if err := d.Contract.Decode(record.Value, &p.events[at], row, status); err != nil {
			b.Reject(i, class(err), err.Error())
			continue
		}
		p.good = append(p.good, i)
		p.keys = append(p.keys, p.events[at].Key)
	}
	p.rows, p.status = p.rows[:len(p.good)*width], p.status[:len(p.good)*width]
}

// encode writes the predictions into one buffer a batch, which is Kafka's from here on.
func (p *pipeline) encode(b *consumer.Batch, d *swap.Deployment) {
	p.follow(d)
	width, outputs := d.Contract.Len(), d.Model.Outputs()
	buffer := make([]byte, 0, len(p.good)*predictionSize)
	headers := make([]kgo.RecordHeader, 0, 3*len(p.good))
	now := time.Now()
	for at, i := range p.good {
		out := prediction{
			event:   &p.events[at],
			scores:  p.scores[at*outputs : (at+1)*outputs],
			status:  p.status[at*width : (at+1)*width],
			names:   p.names,
			latency: now.Sub(b.PolledAt[i]),
		}
		if !finite(out.scores) {
			b.Reject(i, classNotFinite, fmt.Sprintf("%s scores it %v: the model's inputs are out of its range", d.Name(), out.scores))
			continue
		}
		start := len(buffer)
		buffer = p.format.append(buffer, &out, d)
		value := buffer[start:len(buffer):len(buffer)]
		start = len(buffer)
		buffer = consumer.AppendID(buffer, b.Records[i])
		first := len(headers)
		headers = appendTraceparent(headers, b.Records[i])
		headers = append(
			headers,
			kgo.RecordHeader{Key: consumer.HeaderID, Value: buffer[start:len(buffer):len(buffer)]},
			kgo.RecordHeader{Key: headerModel, Value: p.modelName},
		)
		b.Publish(i, value, headers[first:len(headers):len(headers)])
		p.observe(&out)
	}
	b.Acknowledged = p.written
}

// follow makes what belongs to a deployment, once for as long as it is live.
func (p *pipeline) follow(d *swap.Deployment) {
	if p.deployment == d {
		return
	}
	p.deployment, p.modelName, p.written = d, []byte(d.Name()), p.metrics.Version(d.Version).Add
	p.names = p.names[:0]
	for _, name := range d.Contract.Names() {
		p.names = append(p.names, quoteJSON(name))
	}
}

// observe adds one prediction to the histograms. A batch that has to be produced again is scored, and seen, again.
func (p *pipeline) observe(out *prediction) {
	p.metrics.Latency.Update(out.latency.Seconds())
	if score, one := p.format.pick(out.scores); one {
		p.metrics.Score.Update(score)
	}
}

// The headers of a prediction beside [consumer.HeaderID].
const (
	headerModel       = "millrace-model" // version@digest of the deployment that scored it
	headerTraceparent = "traceparent"    // the event's own, W3C Trace Context
)

// classNotFinite is the class of an event whose score is no number that JSON can hold.
const classNotFinite = "score_not_finite"

// predictionSize is about what a prediction and its identity take, in bytes.
const predictionSize = 256

// appendTraceparent carries the event's trace on. Here is where sampled events will get their spans.
func appendTraceparent(headers []kgo.RecordHeader, in *kgo.Record) []kgo.RecordHeader {
	for _, h := range in.Headers {
		if h.Key == headerTraceparent {
			return append(headers, h)
		}
	}
	return headers
}

// class is the label a decoding error is counted under.
func class(err error) string {
	if e, ok := errors.AsType[*features.EventError](err); ok {
		return e.Class
	}
	return consumer.ClassInternal
}

func finite(scores []float64) bool {
	for _, s := range scores {
		if math.IsNaN(s) || math.IsInf(s, 0) {
			return false
		}
	}
	return true
}

// grow is s with length n, whatever it held.
func grow[T any](s []T, n int) []T {
	if cap(s) < n {
		return make([]T, n)
	}
	return s[:n]
}
