package features

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/VictoriaMetrics/metrics"

	"millrace/internal/fakeredis"
)

func testContract(t testing.TB, features []Feature) *Contract {
	t.Helper()
	c, err := NewContract(features, Layout{ID: "transaction_id", Key: "user_id"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func startRedis(t testing.TB) *fakeredis.Server {
	t.Helper()
	server, err := fakeredis.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	return server
}

// eventually waits for a condition; it is how tests wait for pushes and
// reconnections, which other goroutines make true.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// runStore runs a store against a server until the test ends.
func runStore(t testing.TB, addr string, edit func(*Config, *Redis)) (*Store, *metrics.Set) {
	t.Helper()
	return runLoggedStore(t, addr, nil, edit)
}

func runLoggedStore(t testing.TB, addr string, log io.Writer, edit func(*Config, *Redis)) (*Store, *metrics.Set) {
	t.Helper()
	var logger *slog.Logger
	if log != nil {
		logger = slog.New(slog.NewTextHandler(log, nil))
	}
	config, redis := DefaultConfig(), DefaultRedis()
	redis.Addrs = []string{addr}
	config.Timeout = 5 * time.Second // A loaded machine must not degrade by itself.
	if edit != nil {
		edit(&config, &redis)
	}
	set := metrics.NewSet()
	store, err := NewStore(config, redis, set, logger)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- store.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		store.Close()
	})
	return store, set
}

// fetch is one batch's stored features as Fetch gave them.
func fetch(t testing.TB, store *Store, c *Contract, keys ...string) (rows []float64, status []Status) {
	t.Helper()
	asked := make([][]byte, len(keys))
	for i, key := range keys {
		asked[i] = []byte(key)
	}
	rows, status = make([]float64, len(keys)*c.Len()), make([]Status, len(keys)*c.Len())
	if err := store.Fetch(context.Background(), c, asked, rows, status); err != nil {
		t.Fatalf("Fetch: %v", err)
	}
	return rows, status
}

// show is the stored part of one row, for comparison.
func show(c *Contract, rows []float64, status []Status, event int) string {
	var parts []string
	for _, i := range c.stored {
		at := event*c.Len() + i
		parts = append(parts, fmt.Sprintf("%v:%d", rows[at], status[at]))
	}
	return strings.Join(parts, " ")
}

func counter(set *metrics.Set, name string) float64 {
	var b strings.Builder
	set.WritePrometheus(&b)
	for line := range strings.Lines(b.String()) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			var f float64
			if _, err := fmt.Sscan(rest, &f); err == nil {
				return f
			}
		}
	}
	return math.NaN()
}

func TestFetchAsksThenHits(t *testing.T) {
	server := startRedis(t)
	server.Set("features:u1", `{"tx_count_1h":3,"avg_amount_1h":12.5,"unique_merchants_1h":2}`)
	c := testContract(t, DefaultFeatures())
	store, set := runStore(t, server.Addr(), nil)
	rows, status := fetch(t, store, c, "u1", "nobody", "u1")
	for i, want := range []string{"3:0 12.5:0 2:0", "0:1 0:1 0:1", "3:0 12.5:0 2:0"} {
		if got := show(c, rows, status, i); got != want {
			t.Errorf("event %d: %s, want %s", i, got, want)
		}
	}
	if h := counter(set, "millrace_cache_misses_total"); h != 3 {
		t.Errorf("misses %v", h)
	}
	fetch(t, store, c, "u1", "nobody", "u1")
	if h := counter(set, "millrace_cache_hits_total"); h != 3 {
		t.Errorf("hits %v", h)
	}
}

func BenchmarkFetchHits(b *testing.B) {
	const keyCount = 512
	server := startRedis(b)
	c := testContract(b, DefaultFeatures())
	store, _ := runStore(b, server.Addr(), nil)
	keys := make([][]byte, keyCount)
	for i := range keys {
		keys[i] = fmt.Appendf(nil, "user-%06d", i*7919)
		server.Set("features:"+string(keys[i]), `{"tx_count_1h":3,"avg_amount_1h":12.5,"unique_merchants_1h":2}`)
	}
	rows, status := make([]float64, keyCount*c.Len()), make([]Status, keyCount*c.Len())
	ctx := context.Background()
	eventually(b, "all hits", func() bool {
		return store.Fetch(ctx, c, keys, rows, status) == nil && func() bool { _, n := store.cache.size(); return n == keyCount }()
	})
	b.ReportAllocs()
	for b.Loop() {
		if err := store.Fetch(ctx, c, keys, rows, status); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/keyCount, "ns/key")
}

// benchmarkEvent is 248 bytes with six fields.
const benchmarkEvent = `{"transaction_id":"tx-00000000000000012345","user_id":"user-0004217","amount":1284.37,"merchant_category":5411,"merchant":{"id":"m-88213","city":"Rotterdam","country":"NL"},"timestamp":"2026-11-22T16:42:29.123456Z","device":"ios 19.2/app 7.","x":1}`

func BenchmarkDecode(b *testing.B) {
	c := testContract(b, DefaultFeatures())
	var ev Event
	row, status := make([]float64, c.Len()), make([]Status, c.Len())
	value := []byte(benchmarkEvent)
	if len(value) != 248 {
		b.Fatalf("the event has %d bytes", len(value))
	}
	b.SetBytes(int64(len(value)))
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Decode(value, &ev, row, status); err != nil {
			b.Fatal(err)
		}
	}
}
