package consumer

import "github.com/twmb/franz-go/pkg/kgo"

// partitioner sends a keyed output where every Kafka producer would (murmur2 of the key, so that predictions
// are co-partitioned with what others write under the same key), and one without a key to the partition of its
// input's number, so that order is kept for it too.
type partitioner struct{ keyed kgo.Partitioner }

func newPartitioner() kgo.Partitioner { return partitioner{kgo.StickyKeyPartitioner(nil)} }

// ForTopic implements [kgo.Partitioner].
func (p partitioner) ForTopic(topic string) kgo.TopicPartitioner {
	return topicPartitioner{p.keyed.ForTopic(topic)}
}

type topicPartitioner struct{ keyed kgo.TopicPartitioner }

// RequiresConsistency implements [kgo.TopicPartitioner]: a record's partition never depends on which partitions
// can be written just now.
func (topicPartitioner) RequiresConsistency(*kgo.Record) bool { return true }

// Partition implements [kgo.TopicPartitioner]; r.Partition holds the input's partition until it is produced.
func (p topicPartitioner) Partition(r *kgo.Record, n int) int {
	if r.Key == nil {
		return int(r.Partition) % n
	}
	return p.keyed.Partition(r, n)
}
