package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// standIn answers as the service does, by a rule instead of a model, and misbehaves on demand.
type standIn struct {
	url string

	lose         func(id string) bool // These get no prediction.
	double       func(id string) bool // These get two.
	neverSwaps   bool
	takesBroken  bool
	takesLater   bool // Refuses the broken model, and scores with it some predictions later.
	passesOver   bool // Neither takes nor refuses the broken model.
	scoresPoison bool
	slidesBack   bool // Every tenth prediction comes from the first model.

	client   *kgo.Client
	version  string
	scored   int
	brokenAt int // What scored was when the broken model was refused.
	rejected atomic.Int64
}

// startStandIn serves the stack until the test ends; misbehave may be nil.
func startStandIn(t *testing.T, stack *Stack, misbehave func(*standIn)) *standIn {
	t.Helper()
	client, err := kgo.NewClient(
		kgo.SeedBrokers(stack.Brokers()...),
		kgo.ConsumeTopics(Transactions, Deployments),
		kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.ProducerLinger(0),
	)
	if err != nil {
		t.Fatal(err)
	}
	s := &standIn{client: client, version: "v2"}
	if misbehave != nil {
		misbehave(s)
	}
	server := httptest.NewServer(http.HandlerFunc(s.page))
	s.url = server.URL
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(s.handle)
		}
	})
	t.Cleanup(func() {
		cancel()
		running.Wait()
		client.Close()
		server.Close()
	})
	return s
}

func (s *standIn) page(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/metrics" {
		fmt.Fprintf(w, "# TYPE millrace_deployments_total counter\nmillrace_deployments_total{outcome=\"rejected\"} %d\n"+
			"millrace_deployments_total{outcome=\"live\"} 7\nmillrace_cache_hits_total 30\nmillrace_cache_misses_total 10\n", s.rejected.Load())
	}
}

func (s *standIn) handle(r *kgo.Record) {
	if r.Topic == Deployments {
		var d struct {
			Path string `json:"model_path"`
		}
		if err := json.Unmarshal(r.Value, &d); err != nil {
			return
		}
		switch broken := strings.Contains(d.Path, "broken"); {
		case broken && s.passesOver:
		case broken && !s.takesBroken:
			s.rejected.Add(1)
			s.brokenAt = s.scored
			s.put(Statuses, []byte(`{"state":"rejected","version":"broken","reason":"it makes no sense"}`))
		case !s.neverSwaps || broken:
			s.rejected.Add(1) // As if another were refused, so that only the version can tell.
			s.version = version(d.Path)
		}
		return
	}
	var event struct {
		ID     string   `json:"transaction_id"`
		Amount *float64 `json:"amount"`
	}
	bad := json.Unmarshal(r.Value, &event) != nil || event.Amount == nil || strings.Count(string(r.Value), `"amount"`) > 1
	if bad && !s.scoresPoison {
		s.put(DeadLetters, r.Value)
		return
	}
	if s.lose != nil && s.lose(event.ID) {
		return
	}
	s.scored++
	by := s.version
	if s.slidesBack && s.scored%10 == 0 {
		by = "v2"
	}
	if s.takesLater && s.brokenAt > 0 && s.scored > s.brokenAt+600 {
		by = "broken"
	}
	fraud := event.Amount != nil && *event.Amount > 150
	value := fmt.Appendf(nil, `{"transaction_id":%q,"user_id":"u1","fraud_probability":0.5,"is_fraud":%v,"model_version":%q,"latency_ms":1}`, event.ID, fraud, by)
	s.put(Predictions, value)
	if s.double != nil && s.double(event.ID) {
		s.put(Predictions, value)
	}
}

func (s *standIn) put(topic string, value []byte) {
	s.client.Produce(context.Background(), &kgo.Record{Topic: topic, Value: value}, nil)
}
