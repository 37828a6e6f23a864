package consumer

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/twmb/franz-go/pkg/kgo"
)

// scripted is a client whose acknowledgements the test gives by hand.
type scripted struct {
	mu       sync.Mutex
	produced []write
	marked   []int64 // offsets, in the order they were marked
	paused   bool
}

type write struct {
	ctx     context.Context
	record  *kgo.Record
	promise func(*kgo.Record, error)
}

func (s *scripted) Produce(ctx context.Context, r *kgo.Record, promise func(*kgo.Record, error)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.produced = append(s.produced, write{ctx, r, promise})
}

func (s *scripted) MarkCommitRecords(rs ...*kgo.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range rs {
		s.marked = append(s.marked, r.Offset)
	}
}

func (s *scripted) PauseFetchPartitions(map[string][]int32) map[string][]int32 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = true
	return nil
}

func (s *scripted) ResumeFetchPartitions(map[string][]int32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.paused = false
}

// settle acknowledges the oldest n writes with err and forgets them.
func (s *scripted) settle(n int, err error) {
	s.mu.Lock()
	some := s.produced[:n:n]
	s.produced = s.produced[n:]
	s.mu.Unlock()
	for _, w := range some {
		w.promise(w.record, err)
	}
}

// take removes the writes from i to j and returns them unsettled.
func (s *scripted) take(i, j int) []write {
	s.mu.Lock()
	defer s.mu.Unlock()
	some := slices.Clone(s.produced[i:j])
	s.produced = slices.Delete(s.produced, i, j)
	return some
}

func (s *scripted) marks() []int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.marked)
}

func (s *scripted) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.produced)
}

// newScripted starts a worker on a scripted client with batches of two.
func newScripted(handler Handler) (*partition, *scripted, *[]error) {
	client := new(scripted)
	cfg := DefaultConfig()
	cfg.MaxBatch, cfg.QueueRecords = 2, 8
	reports := new([]error)
	p := &partition{
		topic: cfg.Input, cfg: &cfg, client: client, handler: handler, limits: limits{output: 1000, deadLetters: 1000},
		metrics: newMeters(metrics.NewSet()),
		report:  func(_ *partition, err error) { *reports = append(*reports, err) }, // Under the partition's lock.
	}
	p.start()
	return p, client, reports
}

func records(from, n int64) []*kgo.Record {
	var rs []*kgo.Record
	for i := range n {
		rs = append(rs, &kgo.Record{Topic: "transactions", Offset: from + i, Value: []byte("v")})
	}
	return rs
}

func end(p *partition) {
	p.stop()
	p.close()
	<-p.done
}

func TestMarkFollowsTheAcknowledgements(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var handled []int64
		p, client, _ := newScripted(handlerFunc(func(ctx context.Context, b *Batch) error {
			handled = append(handled, b.Records[0].Offset)
			return echo(ctx, b)
		}))
		defer end(p)
		p.offer(records(10, 6), 16, time.Now())
		synctest.Wait()
		if !slices.Equal(handled, []int64{10, 12}) || client.open() != 2 {
			t.Fatalf("handled from %v with %d outputs produced, want the second batch scored and only the first produced", handled, client.open())
		}
		client.settle(1, nil)
		synctest.Wait()
		if m := client.marks(); len(m) > 0 || client.open() != 1 {
			t.Fatalf("%v are marked with one output of the batch open", m)
		}
		client.settle(1, nil)
		synctest.Wait()
		if m := client.marks(); !slices.Equal(m, []int64{11}) || client.open() != 2 {
			t.Fatalf("marked %v with %d outputs produced, want 11 and the second batch", m, client.open())
		}
		client.settle(2, nil)
		synctest.Wait()
		client.settle(2, nil)
		if m := client.marks(); !slices.Equal(m, []int64{11, 13, 15}) {
			t.Fatalf("marked %v, want 11, 13 and 15", m)
		}
	})
}

// A failed batch is produced again, whole, after a pause; nothing overtakes it.
func TestFailureIsNeverPassedOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client, reports := newScripted(handlerFunc(echo))
		defer end(p)
		p.offer(records(0, 4), 4, time.Now())
		synctest.Wait()
		client.settle(1, nil)
		client.settle(1, errors.New("no"))
		synctest.Wait()
		if n, m := client.open(), client.marks(); n != 0 || len(m) > 0 {
			t.Fatalf("%d outputs produced and %v marked before the pause is over", n, m)
		}
		time.Sleep(firstBackoff)
		synctest.Wait()
		again := client.take(0, client.open())
		if len(again) != 2 || !strings.HasSuffix(header(again[0].record, HeaderID), "/0") {
			t.Fatalf("%d outputs are produced again, want the 2 of the failed batch", len(again))
		}
		for _, w := range again {
			w.promise(w.record, nil)
		}
		synctest.Wait()
		client.settle(2, nil)
		if m := client.marks(); !slices.Equal(m, []int64{1, 3}) {
			t.Fatalf("marked %v, want 1 and 3", m)
		}
		if len(*reports) != 2 || (*reports)[0] == nil || (*reports)[1] != nil {
			t.Fatalf("reported %v, want the failure and its end", *reports)
		}
	})
}

// A batch that fails while nothing new arrives is tried again all the same.
func TestFailureOfTheLastBatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client, _ := newScripted(handlerFunc(echo))
		defer end(p)
		p.offer(records(0, 2), 2, time.Now())
		synctest.Wait()
		client.settle(2, errors.New("no"))
		time.Sleep(firstBackoff)
		synctest.Wait()
		client.settle(2, nil)
		if m := client.marks(); !slices.Equal(m, []int64{1}) {
			t.Fatalf("marked %v, want 1", m)
		}
	})
}

// The client retries what may pass for ever and says nothing: a batch that waits too long is told.
func TestSlowAcknowledgementIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client, _ := newScripted(handlerFunc(echo))
		defer end(p)
		p.offer(records(5, 2), 7, time.Now())
		synctest.Wait()
		if err := p.stalled(); err != nil {
			t.Fatalf("stalled at once: %v", err)
		}
		if s := p.state(); s.Lag != 2 {
			t.Fatalf("lag %d with two records in flight", s.Lag)
		}
		time.Sleep(slowAcknowledgement + time.Second)
		if err := p.stalled(); err == nil || !strings.Contains(err.Error(), "offset 5") {
			t.Fatalf("stalled: %v, want the offset named", err)
		}
		client.settle(2, nil)
		if err := p.stalled(); err != nil || p.state().Lag != 0 {
			t.Fatalf("stalled after the acknowledgement: %v, lag %d", err, p.state().Lag)
		}
	})
}

// The pauses double up to their bound, and a success ends them.
func TestBackoffDoubles(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client, _ := newScripted(handlerFunc(echo))
		defer end(p)
		p.offer(records(0, 2), 2, time.Now())
		for _, want := range []time.Duration{100, 200, 400, 800, 1600, 3200, 5000, 5000} {
			synctest.Wait()
			client.settle(2, errors.New("no"))
			time.Sleep(want*time.Millisecond - 1)
			synctest.Wait()
			if n := client.open(); n != 0 {
				t.Fatalf("produced again before %d ms", want)
			}
			time.Sleep(time.Nanosecond)
		}
		synctest.Wait()
		client.settle(2, nil)
		if m := client.marks(); !slices.Equal(m, []int64{1}) {
			t.Fatalf("marked %v, want 1", m)
		}
		if p.backoff != 0 {
			t.Fatalf("the back-off stays at %v after a success", p.backoff)
		}
	})
}

// Once given up, a worker marks nothing, whatever acknowledgement still arrives.
func TestClosedMarksNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client, _ := newScripted(handlerFunc(echo))
		p.offer(records(0, 2), 2, time.Now())
		synctest.Wait()
		late := client.take(0, 2)
		end(p)
		if late[0].ctx.Err() == nil {
			t.Error("the producer may still send what was given up")
		}
		for _, w := range late {
			w.promise(w.record, nil)
		}
		if m := client.marks(); len(m) > 0 {
			t.Errorf("%v are marked after the worker was given up", m)
		}
	})
}

// A stop waits for what is in flight, begins nothing new, and forgets the queue.
func TestStopSettlesWhatIsInFlight(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		p, client, _ := newScripted(handlerFunc(func(ctx context.Context, b *Batch) error {
			<-gate
			return echo(ctx, b)
		}))
		p.offer(records(0, 6), 6, time.Now())
		gate <- struct{}{}
		synctest.Wait() // The first batch is with the producer, the second with the handler.
		p.stop()
		close(gate)
		synctest.Wait()
		select {
		case <-p.done:
			t.Fatal("the worker ended with a batch in flight")
		default:
		}
		if n := client.open(); n != 2 {
			t.Fatalf("%d outputs are produced, want only those of the first batch", n)
		}
		client.settle(2, nil)
		<-p.done
		if m := client.marks(); !slices.Equal(m, []int64{1}) {
			t.Fatalf("marked %v, want 1", m)
		}
		p.close()
	})
}

// A full queue pauses the fetching, half a queue resumes it, and a stop never leaves it paused.
func TestQueuePausesFetching(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gate := make(chan struct{})
		p, client, _ := newScripted(handlerFunc(func(ctx context.Context, b *Batch) error {
			select {
			case <-gate:
			case <-ctx.Done():
			}
			return echo(ctx, b)
		}))
		p.offer(records(0, 7), 7, time.Now()) // Two are taken; five wait.
		synctest.Wait()
		if client.paused {
			t.Fatal("paused below the limit of eight")
		}
		p.offer(records(7, 3), 10, time.Now())
		if !client.paused {
			t.Fatal("not paused with a full queue")
		}
		for range 3 { // Eight, six, four, two: below half.
			gate <- struct{}{}
			synctest.Wait()
			client.settle(client.open(), nil)
			synctest.Wait()
		}
		if client.paused {
			t.Fatal("still paused below half the limit")
		}
		p.offer(records(10, 8), 18, time.Now())
		end(p)
		if client.paused {
			t.Fatal("a stopped partition stays paused inside the client")
		}
	})
}

// Large records pause the fetching long before their number does, and make small batches.
func TestBytesPauseFetchingToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var sizes []int
		p, client, _ := newScripted(handlerFunc(func(ctx context.Context, b *Batch) error {
			sizes = append(sizes, len(b.Records))
			return echo(ctx, b)
		}))
		defer end(p)
		p.cfg.MaxBatch, p.cfg.QueueRecords = 1000, 1000
		large := records(0, 6)
		for _, r := range large {
			r.Value = make([]byte, maxQueueBytes/5)
		}
		p.offer(large, 6, time.Now())
		synctest.Wait()
		if !client.paused {
			t.Error("not paused with more bytes than the queue should hold")
		}
		for range 6 {
			client.settle(client.open(), nil)
			synctest.Wait()
		}
		if client.paused || !slices.Equal(sizes, []int{1, 1, 1, 1, 1, 1}) {
			t.Errorf("paused %v, batches of %v, want six of one", client.paused, sizes)
		}
	})
}

// Every record that a handler leaves out is a dead letter, never silence.
func TestUnansweredRecordsAreDeadLetters(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client, _ := newScripted(handlerFunc(func(context.Context, *Batch) error { return nil }))
		defer end(p)
		p.offer(records(0, 1), 1, time.Now())
		synctest.Wait()
		w := client.take(0, 1)[0]
		if w.record.Topic != DefaultConfig().DeadLetters || header(w.record, HeaderClass) != "internal" {
			t.Errorf("produced to %s with class %q", w.record.Topic, header(w.record, HeaderClass))
		}
		w.promise(w.record, nil)
	})
}
