package demo

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace/internal/fakeredis"
)

// The topics of a Stack: the names a service has without any configuration.
const (
	Transactions = "transactions"
	Predictions  = "fraud-predictions"
	DeadLetters  = "fraud-predictions-dead-letters"
	Deployments  = "model-deployments"
	Statuses     = "model-deployments-status"
)

const partitions = 8 // Of Transactions and Predictions; the other topics have one.

// StackOptions say where the embedded parts listen and how much they remember.
type StackOptions struct {
	KafkaPort int // On 127.0.0.1; 0 means any free one.
	RedisPort int // On 127.0.0.1; 0 means any free one.
	// RetainBytes are kept of each partition of events and predictions; 0 means 4 MiB. In memory they take twice as
	// much. A service that is further behind than that (20 s at 5,000 events/s) loses events.
	RetainBytes int64
}

// Stack is an in-process Kafka and Redis, with the topics made. Both keep everything in memory and forget it in Close.
type Stack struct {
	kafka *kfake.Cluster
	redis *fakeredis.Server
}

// StartStack starts both parts. Close must be called when it is no longer needed.
func StartStack(opts StackOptions) (*Stack, error) {
	if opts.RetainBytes <= 0 {
		opts.RetainBytes = 4 << 20
	}
	kafka, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.Ports(opts.KafkaPort),
		// How often retention is applied. In a long demo it is what bounds the memory.
		kfake.BrokerConfigs(map[string]string{"log.cleaner.backoff.ms": "1000"}),
	)
	if err != nil {
		return nil, fmt.Errorf("start the embedded Kafka: %w", err)
	}
	if err := createTopics(kafka.ListenAddrs(), opts.RetainBytes); err != nil {
		kafka.Close()
		return nil, fmt.Errorf("start the embedded Kafka: %w", err)
	}
	redis, err := fakeredis.Start("127.0.0.1:" + strconv.Itoa(opts.RedisPort))
	if err != nil {
		kafka.Close()
		return nil, fmt.Errorf("start the embedded Redis: %w", err)
	}
	return &Stack{kafka: kafka, redis: redis}, nil
}

// Brokers are the bootstrap addresses, host:port.
func (s *Stack) Brokers() []string { return s.kafka.ListenAddrs() }

// Redis is the address of the feature store, host:port.
func (s *Stack) Redis() string { return s.redis.Addr() }

// Close stops both parts. Clients should be closed first; those still connected are cut off.
func (s *Stack) Close() {
	s.redis.Close()
	s.kafka.Close()
}

func createTopics(brokers []string, retain int64) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()

	bounded := map[string]*string{
		"retention.bytes": kadm.StringPtr(strconv.FormatInt(retain, 10)),
		// The memory of a segment is given back when all of it is out of date. By default one takes 100 MiB.
		"segment.bytes": kadm.StringPtr(strconv.FormatInt(max(retain/8, 1<<14), 10)),
	}
	for _, topic := range []struct {
		name       string
		partitions int32
		configs    map[string]*string
	}{
		{Transactions, partitions, bounded},
		{Predictions, partitions, bounded},
		{DeadLetters, 1, bounded},
		// A deployment must be there for whoever starts later: these two are kept whole.
		{Deployments, 1, nil},
		{Statuses, 1, nil},
	} {
		if _, err := kadm.NewClient(client).CreateTopic(ctx, topic.partitions, 1, topic.configs, topic.name); err != nil {
			return fmt.Errorf("create topic %s: %w", topic.name, err)
		}
	}
	return nil
}
