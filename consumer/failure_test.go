package consumer

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// An output that Kafka finds too large becomes a dead letter, and a dead letter that is too large its short form:
// neither blocks the line.
func TestTooLargeNeverBlocks(t *testing.T) {
	b := newBench(t, 1)
	for _, topic := range []string{b.cfg.Output, b.cfg.DeadLetters} {
		if err := b.cluster.DeleteTopic(topic); err != nil {
			t.Fatal(err)
		}
		if err := b.cluster.CreateTopic(topic, 1, map[string]string{"max.message.bytes": "2000"}); err != nil {
			t.Fatal(err)
		}
	}
	b.cfg.Compression = "none"
	for _, value := range []string{strings.Repeat("x", 1500), strings.Repeat("x", 1900), strings.Repeat("y", 100_000), "bad " + strings.Repeat("z", 5000), "fine"} {
		if err := b.client.ProduceSync(context.Background(), &kgo.Record{Topic: b.cfg.Input, Value: []byte(value)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	b.cfg.MaxBatch = 1
	_, stop := b.run("one", b.cfg, func() Handler {
		return handlerFunc(func(ctx context.Context, batch *Batch) error {
			if err := echo(ctx, batch); err != nil {
				return err
			}
			for i, r := range batch.Records { // The 1,900 bytes grow to 2,300: only the prediction is too large.
				if len(r.Value) == 1900 {
					batch.Publish(i, append(r.Value[:1900:1900], strings.Repeat("p", 400)...), nil)
				}
			}
			return nil
		})
	})
	eventually(t, "all is committed", func() bool { return b.committed(0) == 5 })
	stop()
	var got []string
	seen := map[string]bool{} // Going back to the first unmarked record may repeat those behind it.
	for _, r := range b.read(b.cfg.DeadLetters, b.held(b.cfg.DeadLetters)) {
		if seen[header(r, HeaderID)] {
			continue
		}
		seen[header(r, HeaderID)] = true
		got = append(got, header(r, HeaderOffset)+" "+header(r, HeaderClass)+" "+header(r, HeaderTruncated)+" "+header(r, HeaderLength))
	}
	slices.Sort(got)
	outputs := b.read(b.cfg.Output, 2)
	want := []string{"1 too_large true 1900", "2 too_large true 100000", "3 invalid_json true 5004"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("dead letters differ (-want +got):\n%s", diff)
	}
	if len(outputs[0].Value) != 1500 || string(outputs[len(outputs)-1].Value) != "fine" {
		t.Error("the outputs are not those of the records that fit")
	}
}

// A produce that fails for good is not passed over: the line stands, says why, and goes on where it stood.
func TestFailedProduceIsRetriedInOrder(t *testing.T) {
	b := newBench(t, 1)
	b.send(0, 300)
	fault := b.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{kmsg.Produce}, Topic: b.cfg.Output, Err: kerr.TopicAuthorizationFailed, Count: -1,
	})
	c, stop := b.run("one", b.cfg, newEcho)
	eventually(t, "the line stands and says why", func() bool { return errors.Is(c.Writable(), kerr.TopicAuthorizationFailed) })
	if b.held(b.cfg.Output) != 0 || b.committed(0) > 0 {
		t.Errorf("%d outputs, committed at %d, want none while nothing can be written", b.held(b.cfg.Output), b.committed(0))
	}
	fault.Remove()
	eventually(t, "the line moves again", func() bool { return c.Writable() == nil })
	eventually(t, "all is written", func() bool { return b.held(b.cfg.Output) >= 300 })
	stop()
	b.checkOutputs(b.read(b.cfg.Output, b.held(b.cfg.Output)), true)
	if at := b.committed(0); at != 300 {
		t.Errorf("committed at %d, want 300", at)
	}
}

// One refused write among many: nothing overtakes it, so the first copies stay in order.
func TestOneRefusedWriteKeepsTheOrder(t *testing.T) {
	b := newBench(t, 1)
	b.cfg.MaxBatch = 10
	b.send(0, 100)
	_, stop := b.run("one", b.cfg, newEcho)
	eventually(t, "the first hundred are written", func() bool { return b.held(b.cfg.Output) == 100 })
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: b.cfg.Output, Err: kerr.UnknownServerError, Count: 1})
	b.send(0, 300)
	eventually(t, "all is committed", func() bool { return b.committed(0) == 400 })
	stop()
	b.checkOutputs(b.read(b.cfg.Output, b.held(b.cfg.Output)), true)
}

// What the client itself retries for ever shows too: not ready, with the reason, and with the lag.
func TestSilentlyRetriedWritesAreTold(t *testing.T) {
	b := newBench(t, 1)
	fault := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: b.cfg.Output, Err: kerr.NotEnoughReplicas, Count: -1})
	b.send(0, 5)
	c, stop := b.run("one", b.cfg, newEcho)
	eventually(t, "the stall is told", func() bool {
		err := c.Writable()
		return err != nil && strings.Contains(err.Error(), "no acknowledgement")
	})
	if p := c.Partitions(); len(p) != 1 || p[0].Lag != 5 {
		t.Errorf("partitions %+v, want a lag of 5", p)
	}
	fault.Remove()
	b.checkOutputs(b.read(b.cfg.Output, 5), false)
	eventually(t, "the end of the stall is told", func() bool { return c.Writable() == nil })
	stop()
}

// An input topic that is deleted and made again is read from its beginning, also with start: latest: what it holds
// came after the service.
func TestRecreatedInputTopic(t *testing.T) {
	b := newBench(t, 1)
	b.cfg.Start = StartLatest
	c, stop := b.run("one", b.cfg, newEcho)
	eventually(t, "the group is joined", func() bool { return c.Joined() == nil })
	b.send(0, 10)
	b.read(b.cfg.Output, 10)
	if err := b.cluster.DeleteTopic(b.cfg.Input); err != nil {
		t.Fatal(err)
	}
	if err := b.cluster.CreateTopic(b.cfg.Input, 1, nil); err != nil {
		t.Fatal(err)
	}
	b.client = b.connect(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	b.send(0, 20)
	got := map[string]bool{}
	for _, r := range b.read(b.cfg.Output, 30) {
		got[string(r.Value)] = true
	}
	if len(got) != 30 {
		t.Errorf("%d of 30 records have an output", len(got))
	}
	stop()
}

// A read that is refused does not flood the log or keep a processor busy.
func TestRefusedReadsAreQuiet(t *testing.T) {
	b := newBench(t, 2)
	b.send(0, 5)
	b.send(1, 5)
	fault := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Topic: b.cfg.Input, Err: kerr.TopicAuthorizationFailed, Count: -1})
	var lines atomic.Int64
	_, cancel, done := b.launch("one", b.cfg, newEcho, slog.New(slog.NewTextHandler(countingWriter{&lines}, nil)))
	start := time.Now()
	eventually(t, "reads are refused several times", func() bool { return fault.Hits() >= 12 })
	if n := lines.Load(); n > 8 {
		t.Errorf("%d log lines about one and the same thing", n)
	}
	if took := time.Since(start); took < 4*refusedPause {
		t.Errorf("twelve refused reads within %v, want pauses between them", took)
	}
	fault.Remove()
	b.checkOutputs(b.read(b.cfg.Output, 10), false)
	cancel()
	<-done
}

type countingWriter struct{ lines *atomic.Int64 }

func (w countingWriter) Write(p []byte) (int, error) {
	w.lines.Add(1)
	return len(p), nil
}

// A handler whose dependency fails gets the same batch again.
func TestFailedHandlerIsRetried(t *testing.T) {
	b := newBench(t, 1)
	b.send(0, 10)
	var calls atomic.Int64
	c, stop := b.run("one", b.cfg, func() Handler {
		return handlerFunc(func(ctx context.Context, batch *Batch) error {
			if calls.Add(1) <= 3 {
				return errors.New("the store is away")
			}
			return echo(ctx, batch)
		})
	})
	eventually(t, "trouble is told", func() bool {
		err := c.Writable()
		return err != nil && strings.Contains(err.Error(), "the store is away")
	})
	b.checkOutputs(b.read(b.cfg.Output, 10), false)
	eventually(t, "trouble is over", func() bool { return c.Writable() == nil })
	stop()
}

// A member that Kafka has put out scores nothing under its old ownership's marks and joins again.
func TestLostPartitionsAreNotCommitted(t *testing.T) {
	b := newBench(t, 2)
	b.send(0, 100)
	b.send(1, 100)
	gate := make(chan struct{})
	c, stop := b.run("one", b.cfg, func() Handler {
		return handlerFunc(func(ctx context.Context, batch *Batch) error {
			select {
			case <-gate:
			case <-ctx.Done(): // Lost: the worker is abandoned.
				return ctx.Err()
			}
			return echo(ctx, batch)
		})
	})
	eventually(t, "both partitions are assigned", func() bool { return len(c.Partitions()) == 2 })
	commits := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Observe: true, Count: -1})
	lost := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.UnknownMemberID, TopLevel: true, Count: 1})
	eventually(t, "the member is put out", func() bool { return lost.Hits() == 1 })
	eventually(t, "it is back", func() bool { return c.Joined() == nil && len(c.Partitions()) == 2 })
	if n := commits.Hits(); n != 0 {
		t.Errorf("%d commits around the loss, want none", n)
	}
	close(gate)
	b.checkOutputs(b.read(b.cfg.Output, 200), true)
	stop()
	if b.committed(0) != 100 || b.committed(1) != 100 {
		t.Errorf("committed at %d and %d, want 100", b.committed(0), b.committed(1))
	}
}

// An output topic that is deleted and made again keeps its name and loses its identity: a new client takes over
// in the same process.
func TestRecreatedOutputTopic(t *testing.T) {
	b := newBench(t, 1)
	b.send(0, 10)
	c, stop := b.run("one", b.cfg, newEcho)
	b.read(b.cfg.Output, 10)
	eventually(t, "the first records are committed", func() bool { return b.committed(0) == 10 })
	if err := b.cluster.DeleteTopic(b.cfg.Output); err != nil {
		t.Fatal(err)
	}
	b.send(0, 10)
	eventually(t, "the line stands", func() bool { return c.Writable() != nil })
	if err := b.cluster.CreateTopic(b.cfg.Output, 1, nil); err != nil {
		t.Fatal(err)
	}
	for _, r := range b.read(b.cfg.Output, 10) {
		if !strings.HasPrefix(string(r.Value), "0-1") {
			t.Errorf("output %s, want only those that were open", r.Value)
		}
	}
	eventually(t, "all is well again", func() bool { return c.Writable() == nil && b.committed(0) == 20 })
	stop()
}

// Trouble of a partition that is not ours any more is not kept: nobody would ever report its end.
func TestTroubleOfARevokedPartitionIsForgotten(t *testing.T) {
	p := &partition{id: 3}
	s := &session{log: testLog(t), workers: map[int32]*partition{}, troubles: map[int32]error{}}
	s.report(p, errors.New("stalled"))
	if err := s.trouble(); err != nil {
		t.Errorf("trouble: %v, want none of a partition that is gone", err)
	}
	p.changed = sync.NewCond(&p.mu)
	s.workers[3] = p
	s.report(p, errors.New("stalled"))
	if err := s.trouble(); err == nil {
		t.Error("the trouble of our own partition is not told")
	}
	s.report(p, nil)
	if err := s.trouble(); err != nil {
		t.Errorf("trouble: %v after its end", err)
	}
}

// Where a topic's limit may not be read, a lower one is assumed after each refusal, until batches fit.
func TestUnreadableLimit(t *testing.T) {
	b := newBench(t, 1)
	if err := b.cluster.DeleteTopic(b.cfg.Output); err != nil {
		t.Fatal(err)
	}
	if err := b.cluster.CreateTopic(b.cfg.Output, 1, map[string]string{"max.message.bytes": "300000"}); err != nil {
		t.Fatal(err)
	}
	b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.DescribeConfigs}, Err: kerr.TopicAuthorizationFailed, Count: -1})
	b.cfg.Compression, b.cfg.MaxBatch = "none", 500
	var records []*kgo.Record
	for range 500 {
		records = append(records, &kgo.Record{Topic: b.cfg.Input, Value: bytes.Repeat([]byte("x"), 1000)})
	}
	if err := b.client.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	_, stop := b.run("one", b.cfg, newEcho)
	eventually(t, "all is committed", func() bool { return b.committed(0) == 500 })
	stop()
	if n := b.held(b.cfg.DeadLetters); n != 0 {
		t.Errorf("%d dead letters of records that fit", n)
	}
}

// A stop ends within its ten seconds, also where the brokers have fallen silent.
func TestStopWithSilentBrokers(t *testing.T) {
	var brokers freezer
	b := newBench(t, 1, kfake.ListenFn(brokers.listen))
	b.send(0, 100)
	_, cancel, done := b.launch("one", b.cfg, newEcho, testLog(t))
	eventually(t, "records are scored", func() bool { return b.held(b.cfg.Output) == 100 })
	brokers.freeze()
	defer brokers.thaw() // What was left behind ends then.
	cancel()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("not stopped within ten seconds")
		brokers.thaw()
		<-done
	}
}

// Neither does a hand-over that waits for outputs hold a stop up.
func TestStopDuringARevoke(t *testing.T) {
	b := newBench(t, 2)
	b.cfg.RebalanceTimeout = time.Minute
	fault := b.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Produce}, Topic: b.cfg.Output, Err: kerr.NotEnoughReplicas, Count: -1})
	b.send(0, 5)
	b.send(1, 5)
	c, cancel, done := b.launch("one", b.cfg, newEcho, testLog(t))
	eventually(t, "outputs are in flight", func() bool { return fault.Hits() > 0 && len(c.Partitions()) == 2 })
	_, stopSecond := b.run("two", b.cfg, newEcho)
	eventually(t, "a partition is being handed over", func() bool { return len(c.Partitions()) == 1 })
	cancel()
	select {
	case <-done:
	case <-time.After(10 * time.Second):
		t.Error("not stopped within ten seconds")
	}
	fault.Remove()
	eventually(t, "the second member has written everything", func() bool { return b.committed(0) == 5 && b.committed(1) == 5 })
	stopSecond()
}

// While the group does not answer the member is not ready; it is again once the group does.
func TestSilentGroupIsTold(t *testing.T) {
	var brokers freezer
	b := newBench(t, 1, kfake.ListenFn(brokers.listen))
	defer brokers.thaw()
	c, stop := b.run("one", b.cfg, newEcho)
	eventually(t, "the group is joined", func() bool { return c.Joined() == nil })
	brokers.freeze()
	eventually(t, "the silence is told", func() bool { return c.Joined() != nil })
	t.Log(c.Joined())
	brokers.thaw()
	b.send(0, 10)
	b.checkOutputs(b.read(b.cfg.Output, 10), false)
	eventually(t, "the group is joined again", func() bool { return c.Joined() == nil })
	stop()
}

// freezer is brokers that accept and read nothing while they are frozen.
type freezer struct {
	mu     sync.Mutex
	frozen chan struct{} // closed by thaw; nil while not frozen
}

func (f *freezer) listen(network, address string) (net.Listener, error) {
	l, err := net.Listen(network, address)
	return frozenListener{l, f}, err
}

func (f *freezer) freeze() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.frozen = make(chan struct{})
}

func (f *freezer) thaw() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.frozen != nil {
		close(f.frozen)
		f.frozen = nil
	}
}

func (f *freezer) wait() {
	f.mu.Lock()
	frozen := f.frozen
	f.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
}

type frozenListener struct {
	net.Listener
	f *freezer
}

func (l frozenListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	return frozenConn{conn, l.f}, err
}

type frozenConn struct {
	net.Conn
	f *freezer
}

func (c frozenConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.f.wait()
	return n, err
}
