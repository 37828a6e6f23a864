package demo

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// One of everything is laid into the output topics by hand, and each must be booked where it belongs.
func TestObserverBooksWhatItSees(t *testing.T) {
	stack := startStack(t)
	book := newLedger()
	var mu sync.Mutex
	var news []string
	observer, err := newObserver(stack.Brokers(), book, func(text string) {
		mu.Lock()
		defer mu.Unlock()
		news = append(news, text)
	})
	if err != nil {
		t.Fatal(err)
	}
	defer observer.close()
	ctx, cancel := context.WithCancel(t.Context())
	var group errgroup.Group
	group.Go(func() error { return observer.run(ctx) })

	past := time.Now().Add(-time.Minute)
	for i := range 6 {
		book.enter(fmt.Sprintf("tx-%d", i), entry{due: past, fraud: i < 2})
	}
	book.enter("tx-late", entry{due: time.Now().Add(time.Hour)})
	book.enter("spoilt", entry{due: past, poison: true})

	client := newClient(t, stack)
	put := func(topic, value string) {
		t.Helper()
		r := &kgo.Record{Topic: topic, Partition: 0, Value: []byte(value)}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
		// One after the other: the order between partitions is not kept.
		if !until(t.Context(), time.Millisecond, func() bool { return observer.outcomes() > 0 }) {
			t.Fatal("nothing is read")
		}
		observer.forget()
	}
	score := func(id string, fraud bool, version string) {
		t.Helper()
		put(Predictions, fmt.Sprintf(`{"transaction_id":%q,"user_id":7,"fraud_probability":0.25,"is_fraud":%v,"model_version":%q,"latency_ms":0.1}`, id, fraud, version))
	}
	score("tx-0", true, "v2")  // Caught.
	score("tx-1", false, "v2") // Missed.
	score("tx-2", true, "v3")  // A false alarm by a new version.
	score("tx-2", true, "v3")  // A duplicate.
	score("tx-3", false, "v2") // Was in v2's hands when v3 came.
	score("tx-late", false, "v2")
	put(Predictions, `{"transaction_id":"tx-4","user_id":7,"fraud_probability":1.5,"is_fraud":true,"model_version":"v3"}`)
	put(Predictions, `{"transaction_id":"tx-4","user_id":7,"fraud_probability":0.5,"model_version":"v3"}`)
	put(Predictions, `not JSON`)
	put(DeadLetters, `{"transaction_id":"tx-5"}`)
	put(DeadLetters, `spoilt`)
	put(DeadLetters, `never sent`)
	cancel()
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}

	got, versions := observer.seen()
	if got.latency.n != 5 || got.latency.quantile(0.5) < time.Minute {
		t.Errorf("%d latencies, p50 %v", got.latency.n, got.latency.quantile(0.5))
	}
	got.latency = latencies{}
	want := tally{scored: 5, flagged: 2, caught: 1, frauds: 2, deadLetters: 2, unexpected: 1, stray: 2, malformed: 3, backslides: 1}
	if got != want {
		t.Errorf("booked %+v\n  want %+v", got, want)
	}
	if len(versions) != 2 || versions[0].version != "v2" || versions[0].scored != 4 || versions[1].version != "v3" {
		t.Errorf("versions %+v", versions)
	}
	if book.backlog() != 1 { // tx-4, whose predictions cannot be read.
		t.Errorf("%d records still wait", book.backlog())
	}
	if len(news) != 1 || !strings.Contains(news[0], "v3 scores now, v2 before") {
		t.Errorf("news %q", news)
	}
}

// outcomes and forget let the test above lay one record at a time.
func (o *observer) outcomes() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.second.scored + o.second.deadLetters + o.second.stray + o.second.malformed
}

func (o *observer) forget() { o.cut() }

func TestCutStartsAnew(t *testing.T) {
	book := newLedger()
	o := &observer{ledger: book, news: func(string) {}}
	now := time.Now()
	for i, version := range []string{"v2", "v2", "v3"} {
		book.enter(fmt.Sprint(i), entry{due: now})
		o.prediction(fmt.Appendf(nil, `{"transaction_id":"%d","fraud_probability":0,"is_fraud":false,"model_version":%q}`, i, version), now.Add(time.Millisecond))
	}
	if t1, versions := o.cut(); t1.scored != 3 || strings.Join(versions, " ") != "v2 v3" {
		t.Errorf("first cut: %d scored by %v", t1.scored, versions)
	}
	if t2, versions := o.cut(); t2.scored != 0 || t2.latency.n != 0 || versions != nil {
		t.Errorf("second cut: %d scored by %v", t2.scored, versions)
	}
	if whole, _ := o.seen(); whole.scored != 3 {
		t.Errorf("%d scored in all", whole.scored)
	}
}

func TestLatenciesAreOffByLittle(t *testing.T) {
	var l latencies
	if l.quantile(0.99) != 0 {
		t.Error("a quantile of nothing")
	}
	for us := range 10_000 {
		l.add(time.Duration(us+1) * time.Microsecond)
	}
	for q, want := range map[float64]time.Duration{0.5: 5 * time.Millisecond, 0.99: 9900 * time.Microsecond, 1: 10 * time.Millisecond} {
		if got := l.quantile(q); got < want || float64(got) > 1.016*float64(want) {
			t.Errorf("quantile %v is %v, want %v", q, got, want)
		}
	}
	for _, d := range []time.Duration{-1, 0, 1, 63, 64, 65, 127, 128, 1_000_003, 3 * time.Hour} {
		var one latencies
		one.add(d)
		if got := one.quantile(0.5); d <= time.Hour && (got < max(d, 0) || float64(got) > 1.016*float64(max(d, 0))) {
			t.Errorf("%d ns is counted as %d ns", d, got)
		}
	}
}

func TestParseCounters(t *testing.T) {
	got, err := parseCounters(`# HELP millrace_cache_hits_total Rows found in memory.
# TYPE millrace_cache_hits_total counter
millrace_cache_hits_total 1200
millrace_cache_misses_total{shard="a } b"} 3 1700000000
millrace_cache_misses_total{shard="c"} 4e0
millrace_cache_misses_total_more 99
millrace_deployments_total{outcome="live"} 5
millrace_deployments_total{model="fraud",outcome="rejected"} 2
millrace_deployments_total{outcome="rejected",model="other"} 1
`)
	if err != nil || got != (counters{hits: 1200, misses: 7, rejected: 3}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"millrace_cache_hits_total", "millrace_cache_hits_total much", `millrace_cache_hits_total{a="b"}`} {
		if _, err := parseCounters(bad); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}
