package consumer

import (
	"context"
	"errors"
	"slices"
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

func TestMarksFollowAcknowledgementsWithoutGap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client, _ := newScripted(handlerFunc(echo))
		defer end(p)
		p.offer(records(10, 6), 16, time.Now())
		synctest.Wait() // Three batches of two are with the producer.
		second := client.take(2, 4)
		for _, w := range second {
			w.promise(w.record, nil)
		}
		if m := client.marks(); len(m) > 0 {
			t.Fatalf("%v are marked while the first batch is open", m)
		}
		client.settle(1, nil)
		if m := client.marks(); len(m) > 0 {
			t.Fatalf("%v are marked with one output of the first batch open", m)
		}
		client.settle(1, nil)
		if m := client.marks(); !slices.Equal(m, []int64{13}) {
			t.Fatalf("marked %v, want 13: the end of the second batch", m)
		}
		client.settle(2, nil)
		if m := client.marks(); !slices.Equal(m, []int64{13, 15}) {
			t.Fatalf("marked %v, want 13 and 15", m)
		}
	})
}

// A failed batch is not passed over, although the one behind it succeeded: both are produced again, after a pause.
func TestFailureGoesBackToTheFirstUnmarked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, client, reports := newScripted(handlerFunc(echo))
		defer end(p)
		p.offer(records(0, 4), 4, time.Now())
		synctest.Wait()
		client.settle(1, nil)
		client.settle(1, errors.New("no"))
		synctest.Wait()
		if n := client.open(); n != 2 {
			t.Fatalf("%d outputs are with the producer, want the second batch's 2: it is waited for first", n)
		}
		client.settle(2, nil)
		synctest.Wait()
		if n, m := client.open(), client.marks(); n != 0 || len(m) > 0 {
			t.Fatalf("%d outputs produced and %v marked before the pause is over", n, m)
		}
		time.Sleep(firstBackoff)
		synctest.Wait()
		if n := client.open(); n != 4 {
			t.Fatalf("%d outputs are produced again, want 4", n)
		}
		client.settle(4, nil)
		if m := client.marks(); !slices.Equal(m, []int64{1, 3}) {
			t.Fatalf("marked %v, want 1 and 3", m)
		}
		if len(*reports) != 2 || (*reports)[0] == nil || (*reports)[1] != nil {
			t.Fatalf("reported %v, want the failure and its end", *reports)
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
		synctest.Wait()
		p.stop()
		close(gate)
		synctest.Wait()
		select {
		case <-p.done:
			t.Fatal("the worker ended with a batch in flight")
		default:
		}
		if n := client.open(); n != 2 {
			t.Fatalf("%d outputs are produced, want only the batch that was begun", n)
		}
		client.settle(2, nil)
		<-p.done
		if m := client.marks(); !slices.Equal(m, []int64{1}) {
			t.Fatalf("marked %v, want 1", m)
		}
		p.abandon()
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
