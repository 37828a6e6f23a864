package consumer

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

func TestEveryRecordHasOneOutputInOrder(t *testing.T) {
	b := newBench(t, 8)
	for p := range int32(8) {
		b.send(p, 400)
	}
	c, stop := b.run("one", b.cfg, newEcho)
	records := b.read(b.cfg.Output, 3200)
	if err := c.Joined(); err != nil {
		t.Errorf("Joined: %v", err)
	}
	if err := c.Writable(); err != nil {
		t.Errorf("Writable: %v", err)
	}
	if n := len(c.Partitions()); n != 8 {
		t.Errorf("%d partitions, want 8", n)
	}
	stop()
	b.checkOutputs(records, false)
	for p := range int32(8) {
		if at := b.committed(p); at != 400 {
			t.Errorf("partition %d is committed at %d, want 400", p, at)
		}
	}
	if got := string(records[0].Key); !strings.HasPrefix(got, "k") {
		t.Errorf("the output's key is %q, want the input's", got)
	}
}

// Members come and go while records flow: nothing is lost, and what is scored twice carries the same identity.
func TestRebalanceUnderLoad(t *testing.T) {
	b := newBench(t, 6)
	var feeding sync.WaitGroup
	quit := make(chan struct{})
	feeding.Go(func() {
		for {
			select {
			case <-quit:
				return
			default:
				for p := range int32(6) {
					b.send(p, 20)
				}
			}
		}
	})
	_, stopFirst := b.run("one", b.cfg, newEcho)
	eventually(t, "the first member scores", func() bool { return b.held(b.cfg.Output) > 500 })
	second, _ := b.run("two", b.cfg, newEcho)
	eventually(t, "the second member has partitions", func() bool { return len(second.Partitions()) == 3 })
	at := b.held(b.cfg.Output)
	eventually(t, "both score on", func() bool { return b.held(b.cfg.Output) > at+500 })
	stopFirst()
	eventually(t, "the second member has all partitions", func() bool { return len(second.Partitions()) == 6 })
	close(quit)
	feeding.Wait()
	total := 0
	for _, n := range b.sent {
		total += int(n)
	}
	eventually(t, "all is committed", func() bool {
		for p, n := range b.sent {
			if b.committed(p) != n {
				return false
			}
		}
		return true
	})
	held := b.held(b.cfg.Output)
	b.checkOutputs(b.read(b.cfg.Output, held), true)
	if held != total {
		t.Errorf("%d outputs for %d records: a cooperative hand-over repeats none", held, total)
	}
}

// One partition's handler stands still; the others are not held up, and the poll loop goes on.
func TestSlowPartitionDoesNotStallOthers(t *testing.T) {
	b := newBench(t, 4)
	b.cfg.QueueRecords = 100
	for p := range int32(4) {
		b.send(p, 1000)
	}
	release := make(chan struct{})
	c, stop := b.run("one", b.cfg, func() Handler {
		return handlerFunc(func(ctx context.Context, batch *Batch) error {
			if batch.Records[0].Partition == 2 {
				select {
				case <-release:
				case <-ctx.Done():
				}
			}
			return echo(ctx, batch)
		})
	})
	b.read(b.cfg.Output, 3000)
	for _, p := range c.Partitions() {
		if p.Partition == 2 && (p.Queue == 0 || p.Lag < int64(p.Queue)) {
			t.Errorf("the slow partition shows queue %d and lag %d", p.Queue, p.Lag)
		}
		if p.Partition == 2 && p.Queue > b.cfg.QueueRecords+maxPoll {
			t.Errorf("the slow partition queues %d records", p.Queue)
		}
	}
	close(release)
	b.checkOutputs(b.read(b.cfg.Output, 4000), false)
	stop()
	if at := b.committed(2); at != 1000 {
		t.Errorf("the slow partition is committed at %d, want 1000", at)
	}
}

// A stop in the middle settles what is in flight; a restart goes on behind it: every record exactly once.
func TestStopDrainsAndRestartContinues(t *testing.T) {
	b := newBench(t, 2)
	for p := range int32(2) {
		b.send(p, 2000)
	}
	// Acknowledgements take their time, so that the stop falls into the middle of several.
	b.cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		b.cluster.KeepControl()
		b.cluster.SleepControl(func() { time.Sleep(30 * time.Millisecond) })
		return nil, nil, false
	})
	var handled atomic.Int64
	_, stop := b.run("one", b.cfg, func() Handler {
		return handlerFunc(func(ctx context.Context, batch *Batch) error {
			handled.Add(int64(len(batch.Records)))
			return echo(ctx, batch)
		})
	})
	eventually(t, "some batches are under way", func() bool { return handled.Load() > 500 })
	stop()
	b.cluster.DropControl()
	held := b.held(b.cfg.Output)
	if at := b.committed(0) + b.committed(1); at != int64(held) || held >= 4000 {
		t.Fatalf("%d outputs stand and %d records are committed, want the same and below 4000", held, at)
	}
	b.run("one", b.cfg, newEcho)
	b.checkOutputs(b.read(b.cfg.Output, 4000), false)
}

func TestPoisonGoesToTheDeadLettersWhole(t *testing.T) {
	b := newBench(t, 1)
	b.send(0, 10)
	poison := []*kgo.Record{
		{Topic: b.cfg.Input, Key: []byte("user-1"), Value: []byte("bad {\"x\":\x00"), Headers: []kgo.RecordHeader{{Key: "traceparent", Value: []byte("00-1")}}},
		{Topic: b.cfg.Input, Key: nil, Value: nil},
	}
	if err := b.client.ProduceSync(context.Background(), poison...).FirstErr(); err != nil {
		t.Fatal(err)
	}
	b.send(0, 10)
	_, stop := b.run("one", b.cfg, newEcho)
	dead := b.read(b.cfg.DeadLetters, 2)
	b.read(b.cfg.Output, 20)
	stop()
	if at := b.committed(0); at != 22 {
		t.Errorf("committed at %d, want 22: poison does not hold the line", at)
	}
	for i, r := range dead {
		if diff := cmp.Diff(poison[i].Value, r.Value); diff != "" || (r.Value == nil) != (poison[i].Value == nil) {
			t.Errorf("dead letter %d: value differs: %s", i, diff)
		}
		if diff := cmp.Diff(poison[i].Key, r.Key); diff != "" {
			t.Errorf("dead letter %d: key differs: %s", i, diff)
		}
		want := map[string]string{
			HeaderClass: "invalid_json", HeaderTopic: b.cfg.Input, HeaderPartition: "0",
			HeaderOffset: strconv.Itoa(10 + i), HeaderID: b.cfg.Input + "/0/" + strconv.Itoa(10+i),
			HeaderMessage: "it is bad at byte " + strconv.Itoa(len(poison[i].Value)),
		}
		for key, value := range want {
			if got := header(r, key); got != value {
				t.Errorf("dead letter %d: header %s is %q, want %q", i, key, got, value)
			}
		}
		if _, err := time.Parse(time.RFC3339Nano, header(r, HeaderAt)); err != nil {
			t.Errorf("dead letter %d: %v", i, err)
		}
	}
	if header(dead[0], "traceparent") != "00-1" {
		t.Error("the record's own headers are gone")
	}
}

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

// With start: latest what was there before stays unscored; what comes after the start is scored, also in a
// partition that was idle until after a restart, and a partition added later is read from its beginning.
func TestStartLatestLosesNothing(t *testing.T) {
	b := newBench(t, 2)
	b.cfg.Start = StartLatest
	b.send(0, 5)
	b.send(1, 7)
	c, stop := b.run("one", b.cfg, newEcho)
	eventually(t, "the group is joined", func() bool { return c.Joined() == nil })
	b.send(0, 3)
	b.read(b.cfg.Output, 3)
	stop()
	if at := b.committed(1); at != 7 {
		t.Errorf("the idle partition's start is committed at %d, want 7", at)
	}
	b.send(1, 4) // While nobody listens, to the partition that never had a record scored.
	if _, err := kadm.NewClient(b.client).CreatePartitions(context.Background(), 1, b.cfg.Input); err != nil {
		t.Fatal(err)
	}
	b.client.ForceMetadataRefresh()
	eventually(t, "the new partition is there", func() bool {
		topics, err := kadm.NewClient(b.client).ListTopics(context.Background(), b.cfg.Input)
		return err == nil && len(topics[b.cfg.Input].Partitions) == 3
	})
	b.sent[2] = 0
	late := b.connect(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err := late.ProduceSync(context.Background(), &kgo.Record{Topic: b.cfg.Input, Partition: 2, Key: []byte("k2"), Value: []byte("2-0")}).FirstErr(); err != nil {
		t.Fatal(err)
	}
	b.run("one", b.cfg, newEcho)
	got := map[string]bool{}
	for _, r := range b.read(b.cfg.Output, 8) {
		got[string(r.Value)] = true
	}
	for _, want := range []string{"0-5", "0-6", "0-7", "1-7", "1-8", "1-9", "1-10", "2-0"} {
		if !got[want] {
			t.Errorf("record %s has no output; there are %v", want, got)
		}
	}
	if got["0-4"] || got["1-6"] {
		t.Error("records from before the start are scored")
	}
}

// Of a topic that appears after the service, the first record counts too.
func TestStartLatestWaitsForTheTopics(t *testing.T) {
	b := newBench(t, 1)
	b.cfg.Start, b.cfg.Input, b.cfg.Output = StartLatest, "later-in", "later-out"
	c, _ := b.run("one", b.cfg, newEcho)
	eventually(t, "the missing topics are named", func() bool {
		err := c.Writable()
		return err != nil && strings.Contains(err.Error(), "later-in (kafka.input)") && strings.Contains(err.Error(), "later-out (kafka.output)")
	})
	if c.Joined() == nil {
		t.Error("the group is joined without a topic")
	}
	for _, topic := range []string{"later-in", "later-out"} {
		if err := b.cluster.CreateTopic(topic, 1, nil); err != nil {
			t.Fatal(err)
		}
	}
	b.client = b.connect(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	b.send(0, 3)
	b.checkOutputs(b.read("later-out", 3), false)
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
	c, err := New(b.cfg, "one", newEcho, nil, slog.New(slog.NewTextHandler(countingWriter{&lines}, nil)))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	eventually(t, "reads are refused several times", func() bool { return fault.Hits() >= 6 })
	if n := lines.Load(); n > 20 {
		t.Errorf("%d log lines", n)
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

// Who is stopping is not ready, from the first moment of the drain.
func TestNotReadyWhileDraining(t *testing.T) {
	b := newBench(t, 1)
	b.send(0, 1)
	entered, release := make(chan struct{}), make(chan struct{})
	c, err := New(b.cfg, "one", func() Handler {
		return handlerFunc(func(ctx context.Context, batch *Batch) error {
			close(entered)
			<-release
			return echo(ctx, batch)
		})
	}, nil, testLog(t))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	<-entered
	if c.Joined() != nil || c.Writable() != nil {
		t.Errorf("not ready while it works: %v, %v", c.Joined(), c.Writable())
	}
	cancel()
	eventually(t, "it is not ready", func() bool { return c.Joined() != nil && c.Writable() != nil })
	close(release)
	<-done
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
