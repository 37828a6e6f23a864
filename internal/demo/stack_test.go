package demo

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"go.uber.org/goleak"
)

// TestMain shows that whatever the tests started has stopped.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// startStack gives a test a stack of its own.
func startStack(t *testing.T) *Stack {
	t.Helper()
	stack, err := StartStack(StackOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Close)
	return stack
}

// newClient gives a test a Kafka client of its own.
func newClient(t *testing.T, stack *Stack, opts ...kgo.Opt) *kgo.Client {
	t.Helper()
	client, err := kgo.NewClient(append(opts, kgo.SeedBrokers(stack.Brokers()...))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestStackHasTheTopics(t *testing.T) {
	stack := startStack(t)
	topics, err := kadm.NewClient(newClient(t, stack)).ListTopics(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{Transactions: 8, Predictions: 8, DeadLetters: 1, Deployments: 1, Statuses: 1} {
		if got := len(topics[name].Partitions); got != want {
			t.Errorf("%s has %d partitions, want %d", name, got, want)
		}
	}
}

func TestStackForgetsOldEventsAndKeepsDeployments(t *testing.T) {
	stack, err := StartStack(StackOptions{RetainBytes: 100_000})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stack.Close)
	client := newClient(t, stack, kgo.ProducerBatchCompression(kgo.NoCompression()))
	value := make([]byte, 1_000)
	for range 2_000 {
		for _, topic := range []string{Transactions, Deployments} {
			client.Produce(t.Context(), &kgo.Record{Topic: topic, Key: []byte("u1"), Value: value}, func(_ *kgo.Record, err error) {
				if err != nil {
					t.Error(err)
				}
			})
		}
	}
	if err := client.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}

	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	start := func(topic string) (first int64) {
		offsets, err := kadm.NewClient(client).ListStartOffsets(ctx, topic)
		if err != nil {
			t.Fatal(err)
		}
		offsets.Each(func(o kadm.ListedOffset) { first = max(first, o.Offset) })
		return first
	}
	if !until(ctx, 20*time.Millisecond, func() bool { return start(Transactions) > 0 }) {
		t.Fatal("no transaction was ever forgotten")
	}
	if first := start(Deployments); first != 0 {
		t.Errorf("the deployments now begin at %d", first)
	}
}

func TestStackSaysWhichPartCannotStart(t *testing.T) {
	one := startStack(t)
	_, port, _ := strings.Cut(one.Redis(), ":")
	taken := 0
	for _, digit := range port {
		taken = taken*10 + int(digit-'0')
	}
	if _, err := StartStack(StackOptions{RedisPort: taken}); err == nil || !strings.Contains(err.Error(), "embedded Redis") {
		t.Errorf("Redis on a taken port: %v", err)
	}
	if _, err := StartStack(StackOptions{KafkaPort: taken}); err == nil || !strings.Contains(err.Error(), "embedded Kafka") {
		t.Errorf("Kafka on a taken port: %v", err)
	}
}
