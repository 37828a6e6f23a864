package consumer

import (
	"context"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
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
		{Topic: b.cfg.Input, Key: []byte("user-1"), Value: []byte("bad {\"x\":\x00"), Headers: []kgo.RecordHeader{{Key: "traceparent", Value: []byte("00-1")}, {Key: HeaderClass, Value: []byte("forged")}}},
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

// Who is stopping is not ready, from the first moment of the drain.
func TestNotReadyWhileDraining(t *testing.T) {
	b := newBench(t, 1)
	b.send(0, 1)
	entered, release := make(chan struct{}), make(chan struct{})
	c, cancel, done := b.launch("one", b.cfg, func() Handler {
		return handlerFunc(func(ctx context.Context, batch *Batch) error {
			close(entered)
			<-release
			return echo(ctx, batch)
		})
	}, testLog(t))
	<-entered
	if c.Joined() != nil || c.Writable() != nil {
		t.Errorf("not ready while it works: %v, %v", c.Joined(), c.Writable())
	}
	cancel()
	eventually(t, "it is not ready", func() bool { return c.Joined() != nil && c.Writable() != nil })
	select {
	case err := <-done:
		t.Fatalf("not ready only once the drain was over: %v", err)
	default:
	}
	close(release)
	<-done
}
