package consumer

import (
	"context"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

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
