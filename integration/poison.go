//go:build integration

package integration

import (
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// headerPoison is a header of the tests' own on each poison record: the class it must be refused with.
const headerPoison = "test-poison"

// poison is the i-th poison record: the kinds take turns, and some have no key.
func poison(topic string, i int) *kgo.Record {
	all := []struct {
		class string
		value []byte
	}{
		{"empty", nil},
		{"empty", []byte{}},
		{"empty", []byte("null")},
		{"invalid_json", []byte(`{"transaction_id":"p","user_id":"u-1","amount":1.5,`)},
		{"invalid_json", []byte(`{"transaction_id":"p","user_id":"u-1","amount":NaN,"merchant_category":3}`)},
		{"invalid_json", []byte("{\"transaction_id\":\"p\",\"user_id\":\"u-\xff\xfe\",\"amount\":1.5,\"merchant_category\":3}")},
		{"invalid_json", []byte(`{"transaction_id":"p","user_id":"\ud800","amount":1.5,"merchant_category":3}`)},
		{"invalid_json", []byte(`{"transaction_id":"p","user_id":"u-1","amount":1.5,"merchant_category":3} {}`)},
		{"duplicate_key", []byte(`{"transaction_id":"p","user_id":"u-1","amount":1.5,"amount":2.5,"merchant_category":3}`)},
		{"missing_field", []byte(`{"transaction_id":"p","user_id":"u-1","merchant_category":3}`)},
		{"missing_field", []byte(`{"transaction_id":"p","user_id":null,"amount":1.5,"merchant_category":3}`)},
		{"wrong_type", []byte(`{"transaction_id":"p","user_id":"u-1","amount":"1.5","merchant_category":3}`)},
		{"wrong_type", []byte(`[{"transaction_id":"p","user_id":"u-1","amount":1.5,"merchant_category":3}]`)},
		{"wrong_type", []byte(`{"transaction_id":"p","user_id":1.5,"amount":1.5,"merchant_category":3}`)},
		{"out_of_range", []byte(`{"transaction_id":"p","user_id":"u-1","amount":1e999,"merchant_category":3}`)},
	}
	kind := all[i%len(all)]
	record := &kgo.Record{
		Topic: topic, Value: kind.value,
		Headers: []kgo.RecordHeader{{Key: headerPoison, Value: []byte(kind.class)}, {Key: "no-value", Value: nil}},
	}
	if i%4 != 3 {
		record.Key = fmt.Appendf(nil, "poison-%d", i)
	}
	return record
}
