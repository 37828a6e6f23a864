package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/google/go-cmp/cmp"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace/consumer"
	"millrace/features"
	"millrace/swap"
	"millrace/telemetry"
)

// rows is a featureStore that answers from a map: tx_count_1h, avg_amount_1h, unique_merchants_1h by user.
type rows struct {
	byKey  map[string][3]float64
	status features.Status
	err    error
}

func (s rows) Fetch(_ context.Context, c *features.Contract, keys [][]byte, values []float64, status []features.Status) error {
	for i, key := range keys {
		row, known := s.byKey[string(key)]
		for j := range 3 {
			values[i*c.Len()+2+j], status[i*c.Len()+2+j] = row[j], s.status
			if !known && s.status == features.Present {
				status[i*c.Len()+2+j] = features.Absent
			}
		}
	}
	return s.err
}

// deployment opens a committed model under the default contract.
func deployment(t testing.TB, path string, copied ...string) *swap.Deployment {
	t.Helper()
	cfg := defaultConfig()
	contract, err := features.NewContract(cfg.Model.Contract, features.Layout{ID: cfg.Event.ID, Key: cfg.Event.Key, Copy: copied})
	if err != nil {
		t.Fatal(err)
	}
	d, err := swap.NewLoader(cfg.Model, contract, cfg.Output.Threshold, -1).Configured(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func newTestPipeline(store featureStore, d *swap.Deployment, cfg OutputConfig) *pipeline {
	slot := new(swap.Slot)
	if d != nil {
		slot.Store(d)
	}
	return &pipeline{models: slot, store: store, format: newPredictionFormat(cfg), metrics: telemetry.NewPredictions(metrics.NewSet())}
}

func event(offset int64, value string, headers ...kgo.RecordHeader) *kgo.Record {
	return &kgo.Record{Topic: "transactions", Partition: 7, Offset: offset, Key: []byte("u1"), Value: []byte(value), Headers: headers}
}

const modelV2 = "testdata/models/fraud_model_v2.txt"

func TestPredictionHasTheSixFieldsInOrder(t *testing.T) {
	d := deployment(t, modelV2, "channel", "nothing")
	cfg := defaultConfig().Output
	cfg.Copy = []string{"channel", "nothing"}
	store := rows{byKey: map[string][3]float64{"u1": {3, 41.07, 2}, "12345678901234567890": {1, 2, 1}}}
	p := newTestPipeline(store, d, cfg)
	trace := kgo.RecordHeader{Key: "traceparent", Value: []byte("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")}
	b := consumer.NewBatch([]*kgo.Record{
		event(1, `{"transaction_id":"t\u00e4-1","user_id":"u1","amount":12.5,"merchant_category":4,"channel":{"a":[1]}}`, trace),
		event(2, `{"user_id":12345678901234567890,"transaction_id":77,"merchant_category":19,"amount":9e2}`),
	}, time.Now().Add(-3*time.Millisecond))
	if err := p.Handle(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	want := [][]float64{{12.5, 4, 3, 41.07, 2}, {900, 19, 1, 2, 1}}
	for i, head := range []string{`{"transaction_id":"t\u00e4-1","user_id":"u1",`, `{"transaction_id":77,"user_id":12345678901234567890,`} {
		out := b.Output(i)
		score := make([]float64, 1)
		if err := d.Model.Predict(score, want[i]); err != nil {
			t.Fatal(err)
		}
		number, _ := json.Marshal(score[0])
		body := fmt.Sprintf(`%s"fraud_probability":%s,"is_fraud":%v,"model_version":"fraud_model_v2","latency_ms":`, head, number, score[0] > 0.5)
		if !strings.HasPrefix(string(out.Value), body) {
			t.Errorf("prediction %d is %s, want it to begin with %s", i, out.Value, body)
		}
		var decoded struct {
			Latency float64 `json:"latency_ms"`
		}
		if err := json.Unmarshal(out.Value, &decoded); err != nil || decoded.Latency < 3 || decoded.Latency > 3000 {
			t.Errorf("prediction %d: latency %v ms (%v), want a little over 3", i, decoded.Latency, err)
		}
		if string(out.Key) != "u1" || out.Topic != "" {
			t.Errorf("prediction %d has key %q and topic %q", i, out.Key, out.Topic)
		}
		wantHeaders := []kgo.RecordHeader{
			{Key: "millrace-id", Value: fmt.Appendf(nil, "transactions/7/%d", i+1)},
			{Key: "millrace-model", Value: []byte("fraud_model_v2@" + d.Digest)},
		}
		if i == 0 {
			wantHeaders = append([]kgo.RecordHeader{trace}, wantHeaders...)
		}
		if diff := cmp.Diff(wantHeaders, out.Headers); diff != "" {
			t.Errorf("prediction %d: headers differ (-want +got):\n%s", i, diff)
		}
	}
	if !strings.HasSuffix(string(b.Output(0).Value), `,"channel":{"a":[1]}}`) {
		t.Errorf("the copied field is missing: %s", b.Output(0).Value)
	}
}

func TestPoisonIsRejectedWithItsClass(t *testing.T) {
	p := newTestPipeline(rows{}, deployment(t, modelV2), defaultConfig().Output)
	values := []string{
		`{"transaction_id":"a","user_id":"u","amount":1,"merchant_category":2}`,
		``, `{"amount":`, `{"transaction_id":"a","user_id":"u","amount":1,"amount":2,"merchant_category":2}`,
		`{"transaction_id":"a","user_id":"u","amount":1}`, `{"transaction_id":"a","user_id":"u","amount":"1","merchant_category":2}`,
		`{"transaction_id":"a","user_id":"u","amount":1e999,"merchant_category":2}`,
		`{"transaction_id":"b","user_id":"u","amount":2,"merchant_category":2}`,
	}
	want := []string{"", "empty", "invalid_json", "duplicate_key", "missing_field", "wrong_type", "out_of_range", ""}
	var records []*kgo.Record
	for i, v := range values {
		records = append(records, event(int64(i), v))
	}
	b := consumer.NewBatch(records, time.Now())
	b.PolledAt[7] = time.Now().Add(-time.Hour)
	if err := p.Handle(context.Background(), b); err != nil {
		t.Fatal(err)
	}
	for i := range want {
		if got := headerOf(b.Output(i), consumer.HeaderClass); got != want[i] {
			t.Errorf("record %d has class %q, want %q", i, got, want[i])
		}
	}
	for _, i := range []int{0, 7} { // Good events keep their own numbers although others between them fell out.
		if id := fmt.Sprintf("transactions/7/%d", i); headerOf(b.Output(i), consumer.HeaderID) != id {
			t.Errorf("record %d has the identity %q", i, headerOf(b.Output(i), consumer.HeaderID))
		}
	}
	if value := string(b.Output(7).Value); !strings.Contains(value, `"transaction_id":"b"`) || !strings.Contains(value, `"latency_ms":360000`) {
		t.Errorf("record 7 became %s", b.Output(7).Value)
	}
}

func TestDegradedFeaturesAreNamed(t *testing.T) {
	for _, test := range []struct {
		status features.Status
		want   string
	}{
		{features.Present, ""},
		{features.Absent, ""},
		{features.Stale, `,"features":{"tx_count_1h":"stale","avg_amount_1h":"stale","unique_merchants_1h":"stale"}}`},
		{features.Defaulted, `,"features":{"tx_count_1h":"default","avg_amount_1h":"default","unique_merchants_1h":"default"}}`},
	} {
		p := newTestPipeline(rows{status: test.status}, deployment(t, modelV2), defaultConfig().Output)
		b := consumer.NewBatch([]*kgo.Record{event(0, `{"transaction_id":"a","user_id":"u","amount":1,"merchant_category":2}`)}, time.Now())
		if err := p.Handle(context.Background(), b); err != nil {
			t.Fatal(err)
		}
		if got := string(b.Output(0).Value); !strings.HasSuffix(got, test.want) || test.want == "" && strings.Contains(got, "features") {
			t.Errorf("%v: %s, want the end %q", test.status, got, test.want)
		}
		if !json.Valid(b.Output(0).Value) {
			t.Errorf("%v: not JSON: %s", test.status, b.Output(0).Value)
		}
	}
}

func TestHandleAnswersNothingOnAnError(t *testing.T) {
	records := []*kgo.Record{event(0, `{"transaction_id":"a","user_id":"u","amount":1,"merchant_category":2}`)}
	away := errors.New("away")
	if err := newTestPipeline(rows{err: away}, deployment(t, modelV2), defaultConfig().Output).Handle(context.Background(), consumer.NewBatch(records, time.Now())); !errors.Is(err, away) {
		t.Errorf("Handle: %v, want the store's error", err)
	}
	if err := newTestPipeline(rows{}, nil, defaultConfig().Output).Handle(context.Background(), consumer.NewBatch(records, time.Now())); !errors.Is(err, errNoModel) {
		t.Errorf("Handle without a model: %v", err)
	}
}

func TestPredictionShapes(t *testing.T) {
	ev := &features.Event{ID: []byte(`"t"`), Entity: []byte(`"u"`)}
	third := 0.3
	for _, test := range []struct {
		scores    []float64
		threshold *float64
		class     int
		want      string
	}{
		{[]float64{0.25}, &third, -1, `"fraud_probability":0.25,"is_fraud":false,`},
		{[]float64{0.3}, &third, -1, `"fraud_probability":0.3,"is_fraud":false,`},
		{[]float64{math.Nextafter(0.3, 1)}, &third, -1, `"fraud_probability":0.30000000000000004,"is_fraud":true,`},
		{[]float64{-17.5}, nil, -1, `"fraud_probability":-17.5,"model_version"`},
		{[]float64{1e-9}, nil, -1, `"fraud_probability":1e-09,"model_version"`},
		{[]float64{1e21}, nil, -1, `"fraud_probability":1e+21,"model_version"`},
		{[]float64{0}, nil, -1, `"fraud_probability":0,"model_version"`},
		{[]float64{0.1, 0.7, 0.2}, &third, -1, `"scores":[0.1,0.7,0.2],"model_version"`},
		{[]float64{0.1, 0.7, 0.2}, &third, 1, `"fraud_probability":0.7,"is_fraud":true,`},
	} {
		cfg := defaultConfig().Output
		cfg.Class = test.class
		p := &prediction{event: ev, scores: test.scores, latency: 1500 * time.Microsecond}
		got := string(newPredictionFormat(cfg).append(nil, p, &swap.Deployment{Version: "v", Threshold: test.threshold}))
		if !strings.Contains(got, test.want) || !strings.HasSuffix(got, `"model_version":"v","latency_ms":1.500}`) || !json.Valid([]byte(got)) {
			t.Errorf("%v, class %d: %s, want %s", test.scores, test.class, got, test.want)
		}
	}
}

func headerOf(r *kgo.Record, key string) string {
	for _, h := range r.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// BenchmarkBatch is one batch of 512 events through the whole way: decode, cached features, score, encode. It prints
// ns/event and allocs/event.
func BenchmarkBatch(b *testing.B) {
	const n = 512
	if _, err := os.Stat(modelV2); err != nil {
		b.Fatal(err)
	}
	d := deployment(b, modelV2)
	store := rows{byKey: map[string][3]float64{}}
	records := make([]*kgo.Record, n)
	for i := range records {
		user := fmt.Sprintf("u%d", i%300)
		store.byKey[user] = [3]float64{float64(i % 7), float64(i) * 1.07, float64(i % 5)}
		records[i] = event(int64(i), fmt.Sprintf(`{"transaction_id":"tx-%09d","user_id":"%s","amount":%d.%02d,"merchant_category":%d,"merchant_id":"m-%d","currency":"EUR","timestamp":"2026-11-22T10:15:16.123Z","channel":"web","device":"a1b2c3d4e5f6"}`,
			i, user, i, i%100, i%20, i%5000))
	}
	p := newTestPipeline(cachedStore(b, d.Contract, store.byKey), d, defaultConfig().Output)
	handle := func() {
		if err := p.Handle(context.Background(), consumer.NewBatch(records, time.Now())); err != nil {
			b.Fatal(err)
		}
	}
	handle() // The first batch fills the cache and grows the scratch.
	b.ReportAllocs()
	var before, after allocations
	before.read()
	for b.Loop() {
		handle()
	}
	after.read()
	events := float64(b.N) * n
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/events, "ns/event")
	b.ReportMetric(float64(after-before)/events, "allocs/event")
}
