//go:build integration

package integration

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// scene is one test's topics and group on the shared broker, and its rows in the shared Redis.
type scene struct {
	t          testing.TB
	partitions int32
	name       string // before each topic's
	group      string
	client     *kgo.Client // produces as any producer does: murmur2 of the key
	admin      *kadm.Client
	next       int // the number of the next event
}

// newScene makes the topics and writes the rows of all users in the layout named json or hash.
func newScene(t testing.TB, partitions int32, layout string) *scene {
	t.Helper()
	// The time tells the rounds of go test -count apart.
	name := strings.NewReplacer("/", ".", " ", "-").Replace(t.Name()) + "." + strconv.FormatInt(time.Now().UnixNano(), 36)
	s := &scene{t: t, partitions: partitions, name: name, group: name + ".fraud-inference"}
	var err error
	s.client, err = kgo.NewClient(kgo.SeedBrokers(shared.kafka.addr), kgo.MetadataMinAge(100*time.Millisecond),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.client.Close)
	s.admin = kadm.NewClient(s.client)
	for topic, partitions := range map[string]int32{
		s.input(): partitions, s.output(): partitions, s.deadLetters(): partitions, s.deployments(): 1, s.status(): 1,
	} {
		if _, err := s.admin.CreateTopic(s.timeout(), partitions, 1, nil, topic); err != nil {
			t.Fatal(err)
		}
	}
	if err := shared.redis.setRows(layout); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) input() string       { return s.name + ".transactions" }
func (s *scene) output() string      { return s.name + ".fraud-predictions" }
func (s *scene) deadLetters() string { return s.name + ".fraud-predictions-dead-letters" }
func (s *scene) deployments() string { return s.name + ".model-deployments" }
func (s *scene) status() string      { return s.name + ".model-deployments-status" }

// timeout is a context for one question to the broker.
func (s *scene) timeout() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	s.t.Cleanup(cancel)
	return ctx
}

// send produces records and waits until all are acknowledged.
func (s *scene) send(records ...*kgo.Record) {
	s.t.Helper()
	if err := s.client.ProduceSync(s.timeout(), records...).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
}

// events are the next n events.
func (s *scene) events(n int) []*kgo.Record {
	records := make([]*kgo.Record, n)
	for i := range records {
		records[i] = event(s.input(), s.next)
		s.next++
	}
	return records
}

// deploy publishes a deployment as a registry does.
func (s *scene) deploy(value string) {
	s.t.Helper()
	s.send(&kgo.Record{Topic: s.deployments(), Value: []byte(value)})
}

// ends are a topic's end offsets, by partition.
func (s *scene) ends(topic string) map[int32]int64 {
	s.t.Helper()
	listed, err := s.admin.ListEndOffsets(s.timeout(), topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		s.t.Fatal(err)
	}
	ends := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	return ends
}

// held counts a topic's records.
func (s *scene) held(topic string) int { return total(s.ends(topic)) }

// committed are the group's offsets, by partition; a partition without one is absent.
func (s *scene) committed() map[int32]int64 {
	s.t.Helper()
	offsets, err := s.admin.FetchOffsetsForTopics(s.timeout(), s.group, s.input())
	if err != nil {
		s.t.Fatal(err)
	}
	committed := map[int32]int64{}
	offsets.Each(func(o kadm.OffsetResponse) {
		if o.At >= 0 {
			committed[o.Partition] = o.At
		}
	})
	return committed
}

// allAnswered waits until the group's offsets stand at the end of every partition.
func (s *scene) allAnswered() {
	s.t.Helper()
	ends := s.ends(s.input())
	eventually(s.t, "the committed offsets stand at the end of every partition", func() bool {
		committed := s.committed()
		for partition, end := range ends {
			if at, known := committed[partition]; !known || at < end {
				return false
			}
		}
		return true
	})
}

// read is all of a topic, in the order of each partition.
func (s *scene) read(topic string) []*kgo.Record {
	s.t.Helper()
	ends, starts := s.ends(topic), map[int32]kgo.Offset{}
	for partition := range ends {
		starts[partition] = kgo.NewOffset().AtStart()
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(shared.kafka.addr), kgo.FetchMaxWait(50*time.Millisecond),
		kgo.ConsumePartitions(map[string]map[int32]kgo.Offset{topic: starts}))
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	ctx := s.timeout()
	var records []*kgo.Record
	for want := total(ends); len(records) < want; {
		fetches := client.PollFetches(ctx)
		if err := fetches.Err0(); err != nil {
			s.t.Fatalf("read %s: %d of %d records came: %v", topic, len(records), want, err)
		}
		records = append(records, fetches.Records()...)
	}
	return records
}

func total(offsets map[int32]int64) int {
	n := 0
	for _, offset := range offsets {
		n += int(offset)
	}
	return n
}

// eventually waits for a condition, and says what it waited for when it does not come.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(time.Minute)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
		time.Sleep(20 * time.Millisecond)
	}
}
