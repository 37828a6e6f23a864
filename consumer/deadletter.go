package consumer

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The headers of a dead letter, behind the record's own.
const (
	HeaderID        = "millrace-id"           // topic/partition/offset of the record, as on predictions
	HeaderClass     = "millrace-error-class"  // bounded label
	HeaderMessage   = "millrace-error"        // one line for whoever mends the record
	HeaderTopic     = "millrace-source-topic" // where the record stood
	HeaderPartition = "millrace-source-partition"
	HeaderOffset    = "millrace-source-offset"
	HeaderAt        = "millrace-at"        // when it was given up, RFC 3339 with nanoseconds, UTC
	HeaderTruncated = "millrace-truncated" // "true" when the value did not fit the dead-letter topic
	HeaderLength    = "millrace-length"    // bytes of a value left out
	HeaderSHA256    = "millrace-sha256"    // hex digest of a value left out
)

// The classes of dead letters that are the room's own; the others are its handler's.
const (
	ClassTooLarge = "too_large" // the prediction does not fit its topic
	ClassInternal = "internal"  // a fault of ours, not of the record
)

// longest are the bounds of what a truncated dead letter still carries, in bytes.
const (
	longestKey     = 1 << 10
	longestMessage = 1 << 10
)

// AppendID appends a record's identity, topic/partition/offset: the same on every retry, so that a consumer can
// recognise the second copy of a prediction.
func AppendID(dst []byte, r *kgo.Record) []byte {
	dst = append(dst, r.Topic...)
	dst = append(dst, '/')
	dst = strconv.AppendInt(dst, int64(r.Partition), 10)
	dst = append(dst, '/')
	return strconv.AppendInt(dst, r.Offset, 10)
}

// deadLetter is the record whole: its key, its bytes (null stays null) and its own headers, then what we say.
func deadLetter(topic string, in *kgo.Record, why answer) kgo.Record {
	return kgo.Record{
		Topic:     topic,
		Key:       in.Key,
		Value:     in.Value,
		Headers:   append(foreignHeaders(in), deadLetterHeaders(in, why)...),
		Partition: in.Partition,
	}
}

// foreignHeaders are the record's own headers but those with our names: readers take the first of a name.
func foreignHeaders(in *kgo.Record) []kgo.RecordHeader {
	return slices.DeleteFunc(slices.Clone(in.Headers), func(h kgo.RecordHeader) bool {
		return strings.HasPrefix(h.Key, "millrace-")
	})
}

// truncatedDeadLetter stands for a record that its topic does not take: headers only, with the length and
// digest of the value left behind.
func truncatedDeadLetter(topic string, in *kgo.Record, why answer) kgo.Record {
	sum := sha256.Sum256(in.Value)
	out := kgo.Record{
		Topic: topic,
		Headers: append(deadLetterHeaders(in, why),
			kgo.RecordHeader{Key: HeaderTruncated, Value: []byte("true")},
			kgo.RecordHeader{Key: HeaderLength, Value: strconv.AppendInt(nil, int64(len(in.Value)), 10)},
			kgo.RecordHeader{Key: HeaderSHA256, Value: []byte(hex.EncodeToString(sum[:]))},
		),
		Partition: in.Partition,
	}
	if len(in.Key) <= longestKey {
		out.Key = in.Key
	}
	return out
}

func deadLetterHeaders(in *kgo.Record, why answer) []kgo.RecordHeader {
	return []kgo.RecordHeader{
		{Key: HeaderID, Value: AppendID(nil, in)},
		{Key: HeaderClass, Value: []byte(why.class)},
		{Key: HeaderMessage, Value: []byte(shorten(why.reason, longestMessage))},
		{Key: HeaderTopic, Value: []byte(in.Topic)},
		{Key: HeaderPartition, Value: strconv.AppendInt(nil, int64(in.Partition), 10)},
		{Key: HeaderOffset, Value: strconv.AppendInt(nil, in.Offset, 10)},
		{Key: HeaderAt, Value: time.Now().UTC().AppendFormat(nil, time.RFC3339Nano)},
	}
}

// shorten cuts text to at most n bytes, at the end of a character.
func shorten(text string, n int) string {
	if len(text) <= n {
		return text
	}
	for n > 0 && !utf8.RuneStart(text[n]) {
		n--
	}
	return text[:n]
}
