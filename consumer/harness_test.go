package consumer

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is one test's Kafka and the tools around it.
type bench struct {
	t       *testing.T
	cluster *kfake.Cluster
	client  *kgo.Client // produces to the input by the partition that a record names
	cfg     Config
	sent    map[int32]int64 // records produced so far, by partition
}

// newBench starts a Kafka for one test, which runs beside others from here on.
func newBench(t *testing.T, partitions int32, opts ...kfake.Opt) *bench {
	t.Helper()
	t.Parallel()
	cfg := DefaultConfig()
	cfg.Start = StartEarliest
	cfg.SessionTimeout = 6 * time.Second
	cfg.RebalanceTimeout = 5 * time.Second
	cfg.MaxBatch = 50
	cluster, err := kfake.NewCluster(append([]kfake.Opt{
		kfake.NumBrokers(1),
		kfake.SeedTopics(partitions, cfg.Input, cfg.Output),
		kfake.SeedTopics(1, cfg.DeadLetters),
		kfake.BrokerConfigs(map[string]string{"group.initial.rebalance.delay.ms": "0"}),
	}, opts...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	cfg.Brokers = cluster.ListenAddrs()
	b := &bench{t: t, cluster: cluster, cfg: cfg, sent: map[int32]int64{}}
	b.client = b.connect(kgo.RecordPartitioner(kgo.ManualPartitioner()))
	return b
}

func (b *bench) connect(opts ...kgo.Opt) *kgo.Client {
	b.t.Helper()
	client, err := kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(b.cfg.Brokers...)}, opts...)...)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(client.Close)
	return client
}

// send produces n numbered records to a partition of the input: key k<partition>, value <partition>-<number>.
func (b *bench) send(partition int32, n int) {
	b.t.Helper()
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = &kgo.Record{
			Topic: b.cfg.Input, Partition: partition,
			Key:   fmt.Appendf(nil, "k%d", partition),
			Value: fmt.Appendf(nil, "%d-%d", partition, b.sent[partition]),
		}
		b.sent[partition]++
	}
	if err := b.client.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
		b.t.Fatal(err)
	}
}

// run starts a consumer and returns it with a func that stops it and waits.
func (b *bench) run(instance string, cfg Config, newHandler func() Handler) (*Consumer, func()) {
	b.t.Helper()
	c, cancel, done := b.launch(instance, cfg, newHandler, testLog(b.t))
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Errorf("run: %v", err)
		}
	})
	b.t.Cleanup(stop)
	return c, stop
}

// launch starts a consumer whose end is the test's own: cancel begins it, done tells that it is over.
func (b *bench) launch(instance string, cfg Config, newHandler func() Handler, log *slog.Logger) (c *Consumer, cancel func(), done <-chan error) {
	b.t.Helper()
	c, err := New(cfg, instance, newHandler, metrics.NewSet(), log)
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	b.t.Cleanup(cancel) // Also where the test fails before it comes to it.
	over := make(chan error, 1)
	go func() { over <- c.Run(ctx) }()
	return c, cancel, over
}

// read returns the first n records of a topic, in the order of each partition.
func (b *bench) read(topic string, n int) []*kgo.Record {
	b.t.Helper()
	client := b.connect(kgo.ConsumeTopics(topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxWait(50*time.Millisecond), kgo.MetadataMinAge(50*time.Millisecond))
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var records []*kgo.Record
	for len(records) < n {
		records = append(records, client.PollFetches(ctx).Records()...)
		if ctx.Err() != nil {
			b.t.Fatalf("%s: %d of %d records came", topic, len(records), n)
		}
	}
	return records
}

// ends sums a topic's end offsets: how many records it holds.
func (b *bench) held(topic string) int {
	b.t.Helper()
	ends, err := kadm.NewClient(b.client).ListEndOffsets(context.Background(), topic)
	if err != nil {
		b.t.Fatal(err)
	}
	var n int64
	ends.Each(func(o kadm.ListedOffset) { n += o.Offset })
	return int(n)
}

// committed returns the group's offset in a partition of the input, -1 for none.
func (b *bench) committed(partition int32) int64 {
	b.t.Helper()
	offsets, err := kadm.NewClient(b.client).FetchOffsets(context.Background(), b.cfg.Group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return -1
	}
	if err != nil {
		b.t.Fatal(err)
	}
	if o, ok := offsets.Lookup(b.cfg.Input, partition); ok {
		return o.At
	}
	return -1
}

// eventually waits for a condition, and says what it waited for when it does not come.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// checkOutputs holds a set of outputs against everything that was sent: each input at least once (exactly once
// unless duplicates are allowed), a second copy with the same identity and value, first copies in order.
func (b *bench) checkOutputs(records []*kgo.Record, duplicates bool) {
	b.t.Helper()
	next := map[int32]int64{}
	seen := map[string]string{}
	for _, r := range records {
		id := header(r, HeaderID)
		if before, again := seen[id]; again {
			if !duplicates {
				b.t.Errorf("%s has two outputs", id)
			}
			if before != string(r.Value) {
				b.t.Errorf("%s has the outputs %q and %q", id, before, r.Value)
			}
			continue
		}
		seen[id] = string(r.Value)
		var partition int32
		var number int64
		if _, err := fmt.Sscanf(string(r.Value), "%d-%d", &partition, &number); err != nil {
			b.t.Fatalf("output %q: %v", r.Value, err)
		}
		if number != next[partition] {
			b.t.Errorf("partition %d: record %d comes after %d", partition, number, next[partition]-1)
		}
		next[partition] = number + 1
	}
	for partition, n := range b.sent {
		if next[partition] != n {
			b.t.Errorf("partition %d: %d of %d records have an output", partition, next[partition], n)
		}
	}
}

func header(r *kgo.Record, key string) string {
	i := slices.IndexFunc(r.Headers, func(h kgo.RecordHeader) bool { return h.Key == key })
	if i < 0 {
		return ""
	}
	return string(r.Headers[i].Value)
}

// handlerFunc lets a test's function be a Handler.
type handlerFunc func(ctx context.Context, b *Batch) error

func (f handlerFunc) Handle(ctx context.Context, b *Batch) error { return f(ctx, b) }

// echo publishes each value as it is; a value that begins with "bad" is rejected.
func echo(_ context.Context, b *Batch) error {
	for i, r := range b.Records {
		if r.Value == nil || bytes.HasPrefix(r.Value, []byte("bad")) {
			b.Reject(i, "invalid_json", "it is bad at byte "+strconv.Itoa(len(r.Value)))
			continue
		}
		b.Publish(i, r.Value, []kgo.RecordHeader{{Key: HeaderID, Value: AppendID(nil, r)}})
	}
	return nil
}

func newEcho() Handler { return handlerFunc(echo) }

func testLog(t *testing.T) *slog.Logger {
	return slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelDebug}))
}
