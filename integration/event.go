//go:build integration

package integration

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
)

// The world of the tests. Event n is that of n modulo kinds but for its id; each user has ten of the kinds, and every
// tenth user, so a tenth of the events, has no row in the store.
const (
	kinds = 20_000
	users = 2_000
)

// headerEvent is a header of the tests' own on each input: the event's number. Predictions do not carry it.
const headerEvent = "test-event"

// featureNames are a model's inputs, in its order.
func featureNames() []string {
	return []string{"amount", "merchant_category", "tx_count_1h", "avg_amount_1h", "unique_merchants_1h"}
}

// userOf spreads neighbouring events over users and so over partitions; 7919 is prime, so all users have their turn.
func userOf(n int) int { return n % kinds * 7919 % users }

// userText is a user's part of the row's key, and userJSON the user in an event: some are integers.
func userText(user int) string {
	if user%7 == 0 {
		return strconv.Itoa(user)
	}
	return fmt.Sprintf("u-%d", user)
}

func userJSON(user int) string {
	if user%7 == 0 {
		return userText(user)
	}
	return strconv.Quote(userText(user))
}

// idJSON is the id of event n: some are integers.
func idJSON(n int) string {
	if n%3 == 0 {
		return strconv.Itoa(n)
	}
	return fmt.Sprintf(`"t-%d"`, n)
}

// amountOf and categoryOf are what event n itself brings to its row.
func amountOf(n int) float64 {
	r := rand.New(rand.NewPCG(uint64(n%kinds), 1))
	return float64(r.IntN(100_000)) / 100 * r.Float64()
}

func categoryOf(n int) int { return n % kinds % 20 }

// storedField is one field of a row in the store.
type storedField struct {
	name  string
	value float64
}

// storedRow is a user's row in the store; some lack fields, for which the contract says 0, and some users have none.
func storedRow(user int) (row []storedField, known bool) {
	if user%10 == 9 {
		return nil, false
	}
	r := rand.New(rand.NewPCG(uint64(user), 2))
	row = []storedField{
		{"tx_count_1h", float64(r.IntN(60))},
		{"avg_amount_1h", r.Float64() * 400},
		{"unique_merchants_1h", float64(r.IntN(30))},
	}
	if user%10 == 3 {
		row = row[:1]
	}
	return row, true
}

func rowJSON(row []storedField) string {
	text := []byte("{")
	for _, field := range row {
		text = fmt.Appendf(text, "%q:%s,", field.name, number(field.value))
	}
	return string(text) + `"updated_by":"the tests"}`
}

// modelRow is what a model has to see of event n: with the user's row, or with the defaults alone.
func modelRow(n int, stored bool) []float64 {
	row := []float64{amountOf(n), float64(categoryOf(n)), 0, 0, 0}
	if stored {
		fields, _ := storedRow(userOf(n))
		for _, field := range fields {
			row[slices.Index(featureNames(), field.name)] = field.value
		}
	}
	return row
}

// number is the shortest text that reads back as x.
func number(x float64) string { return strconv.FormatFloat(x, 'g', -1, 64) }

// traceparent is the trace that event n belongs to; two of three have none.
func traceparent(n int) string {
	if n%3 != 1 {
		return ""
	}
	return fmt.Sprintf("00-%032x-%016x-01", n+1, n+1)
}

// event is event n as a producer sends it.
func event(topic string, n int) *kgo.Record {
	record := &kgo.Record{
		Topic: topic,
		Key:   []byte(userText(userOf(n))),
		Value: fmt.Appendf(nil, `{"transaction_id":%s,"merchant":{"name":"Café №%d","tags":["a",null]},"amount":%s, "user_id":%s,"merchant_category":%d,"currency":"EUR"}`,
			idJSON(n), n%100, number(amountOf(n)), userJSON(userOf(n)), categoryOf(n)),
		Headers: []kgo.RecordHeader{{Key: headerEvent, Value: strconv.AppendInt(nil, int64(n), 10)}},
	}
	if trace := traceparent(n); trace != "" {
		record.Headers = append(record.Headers, kgo.RecordHeader{Key: "traceparent", Value: []byte(trace)})
	}
	return record
}
