package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"millrace/features"
	"millrace/internal/fakeredis"
	"millrace/scoring"
)

// rig is one test's Kafka, Redis and models, with the tools to feed a service and read what it writes.
type rig struct {
	t      testing.TB
	kafka  *kfake.Cluster
	redis  *fakeredis.Server
	client *kgo.Client
	cfg    Config
	models string // folder with the committed models
}

func newRig(t testing.TB, partitions int32) *rig {
	t.Helper()
	cfg := defaultConfig()
	kafka, err := kfake.NewCluster(
		kfake.NumBrokers(1),
		kfake.SeedTopics(partitions, cfg.Kafka.Input, cfg.Kafka.Output),
		kfake.SeedTopics(1, cfg.Kafka.DeadLetters, cfg.Kafka.Deployments, cfg.Kafka.Status),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(kafka.Close)
	redis, err := fakeredis.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	models := t.TempDir()
	for _, name := range []string{"fraud_model_v2.txt", "fraud_model_v3.txt", "broken_model.txt"} {
		data, err := os.ReadFile(filepath.Join("testdata", "models", name))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(models, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cfg.Instance, cfg.HTTP.Addr = "test", "127.0.0.1:0"
	cfg.Kafka.Brokers, cfg.Redis.Addrs = kafka.ListenAddrs(), []string{redis.Addr()}
	cfg.Kafka.SessionTimeout, cfg.Kafka.RebalanceTimeout = 6*time.Second, 5*time.Second
	cfg.Features.Timeout = 2 * time.Second // On a loaded machine a healthy answer may take long, and then scores differ.
	cfg.Model.Path = filepath.Join(models, "fraud_model_v2.txt")
	r := &rig{t: t, kafka: kafka, redis: redis, cfg: cfg, models: models}
	if r.client, err = kgo.NewClient(kgo.SeedBrokers(cfg.Kafka.Brokers...), kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.client.Close)
	return r
}

// service is one running serve.
type service struct {
	t    testing.TB
	base string // of its page
	log  *logBuffer
	stop func() error // ends it and returns what serve returned
}

// logBuffer collects a service's log and says where its page is.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
	page chan string
}

var pageLine = regexp.MustCompile(`page=(http://\S+)`)

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if found := pageLine.FindSubmatch(p); found != nil {
		l.page <- string(found[1])
	}
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// serve starts a service and waits until its page is up; ready waits for readiness.
func (r *rig) serve(cfg Config) *service {
	r.t.Helper()
	s := &service{t: r.t, log: &logBuffer{page: make(chan string, 1)}}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- serve(ctx, cfg, s.log) }()
	s.stop = sync.OnceValue(func() error {
		cancel()
		return <-done
	})
	r.t.Cleanup(func() {
		if err := s.stop(); err != nil {
			r.t.Errorf("serve: %v", err)
		}
		if r.t.Failed() {
			r.t.Logf("the service's log:\n%s", s.log)
		}
	})
	select {
	case s.base = <-s.log.page:
	case err := <-done:
		done <- err
		r.t.Fatalf("serve: %v", err)
	}
	return s
}

func (s *service) ready() *service {
	s.t.Helper()
	eventually(s.t, "the service is ready", func() bool {
		code, _ := s.get("/readyz")
		return code == http.StatusOK
	})
	return s
}

func (s *service) get(path string) (int, string) {
	s.t.Helper()
	answer, err := http.Get(s.base + path)
	if err != nil {
		s.t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer.StatusCode, string(body)
}

// metric is the value of one series on /metrics; a series that is not there fails the test.
func (s *service) metric(series string) float64 {
	s.t.Helper()
	_, body := s.get("/metrics")
	for line := range strings.Lines(body) {
		if rest, found := strings.CutPrefix(strings.TrimSpace(line), series+" "); found {
			value, err := strconv.ParseFloat(rest, 64)
			if err != nil {
				s.t.Fatal(err)
			}
			return value
		}
	}
	s.t.Fatalf("/metrics has no %s", series)
	return 0
}

// user is the entity of event i; every tenth has no row in the store.
func user(i int) string { return fmt.Sprintf("u%d", i%100) }

// setRows writes the rows of all users: a function of the user and a round number.
func (r *rig) setRows(round int) {
	for i := range 100 {
		if i%10 != 9 {
			row := storeRow(i, round)
			r.redis.Set("features:"+user(i), fmt.Sprintf(`{"tx_count_1h":%v,"avg_amount_1h":%v,"unique_merchants_1h":%v}`, row[0], row[1], row[2]))
		}
	}
}

func storeRow(i, round int) [3]float64 {
	if i%10 == 9 {
		return [3]float64{}
	}
	return [3]float64{float64(i%7 + round), float64(i)*1.25 + float64(round), float64(i % 5)}
}

// send produces the events from number from to number to.
func (r *rig) send(from, to int) {
	r.t.Helper()
	var records []*kgo.Record
	for i := from; i < to; i++ {
		records = append(records, &kgo.Record{Topic: r.cfg.Kafka.Input, Key: []byte(user(i)), Value: fmt.Appendf(nil,
			`{"transaction_id":%d,"user_id":%q,"amount":%v,"merchant_category":%d,"currency":"EUR"}`, i, user(i), amount(i), i%20)})
	}
	if err := r.client.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
}

func amount(i int) float64 { return float64(i*37%9000) / 100 }

// scored is one prediction as a reader sees it.
type scored struct {
	ID       int               `json:"transaction_id"`
	User     string            `json:"user_id"`
	Score    float64           `json:"fraud_probability"`
	Fraud    bool              `json:"is_fraud"`
	Version  string            `json:"model_version"`
	Features map[string]string `json:"features"`

	record *kgo.Record
}

// predictions reads the first n of the output topic, in the order of each partition.
func (r *rig) predictions(n int) []scored {
	r.t.Helper()
	var all []scored
	for _, record := range r.read(r.cfg.Kafka.Output, n) {
		p := scored{record: record}
		if err := json.Unmarshal(record.Value, &p); err != nil {
			r.t.Fatalf("prediction %s: %v", record.Value, err)
		}
		all = append(all, p)
	}
	return all
}

func (r *rig) read(topic string, n int) []*kgo.Record {
	r.t.Helper()
	client, err := kgo.NewClient(kgo.SeedBrokers(r.cfg.Kafka.Brokers...), kgo.ConsumeTopics(topic),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()), kgo.FetchMaxWait(50*time.Millisecond))
	if err != nil {
		r.t.Fatal(err)
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	var records []*kgo.Record
	for len(records) < n {
		records = append(records, client.PollFetches(ctx).Records()...)
		if ctx.Err() != nil {
			r.t.Fatalf("%s: %d of %d records came", topic, len(records), n)
		}
	}
	return records
}

// deploy publishes a deployment event.
func (r *rig) deploy(value string) {
	r.t.Helper()
	record := &kgo.Record{Topic: r.cfg.Kafka.Deployments, Value: []byte(value)}
	if err := r.client.ProduceSync(context.Background(), record).FirstErr(); err != nil {
		r.t.Fatal(err)
	}
}

// model opens a committed model.
func model(t testing.TB, name string) *scoring.Model {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "models", name))
	if err != nil {
		t.Fatal(err)
	}
	m, err := scoring.Open(data, scoring.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// expect is what a model says of event i with a store row.
func expect(t testing.TB, m *scoring.Model, i int, row [3]float64) float64 {
	t.Helper()
	dst := make([]float64, 1)
	if err := m.Predict(dst, []float64{amount(i), float64(i % 20), row[0], row[1], row[2]}); err != nil {
		t.Fatal(err)
	}
	return dst[0]
}

// eventually waits for a condition, and says what it waited for when it does not come.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("not within 30 s: %s", what)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// cachedStore is a store on an embedded Redis that holds the rows.
func cachedStore(t testing.TB, contract *features.Contract, rows map[string][3]float64) *features.Store {
	t.Helper()
	redis, err := fakeredis.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(redis.Close)
	for key, row := range rows {
		redis.Set("features:"+key, fmt.Sprintf(`{"tx_count_1h":%v,"avg_amount_1h":%v,"unique_merchants_1h":%v}`, row[0], row[1], row[2]))
	}
	cfg := features.DefaultConfig()
	cfg.Timeout, cfg.CacheTTL = time.Second, time.Hour
	store, err := features.NewStore(cfg, features.Redis{Addrs: []string{redis.Addr()}}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- store.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		<-done
		store.Close()
	})
	eventually(t, "the store is connected", func() bool { return store.Connected() == nil })
	return store
}

// allocations counts heap allocations.
type allocations uint64

func (a *allocations) read() {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	*a = allocations(stats.Mallocs)
}
