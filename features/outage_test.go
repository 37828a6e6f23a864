package features

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

// logBuffer is a log that tests can read while it is written.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

func (l *logBuffer) count(part string) int { return strings.Count(l.String(), part) }

const (
	rowThree = `{"tx_count_1h":3,"avg_amount_1h":12.5}`
	rowFour  = `{"tx_count_1h":4,"avg_amount_1h":13.5}`

	threeFresh = "3:0 12.5:0 0:1"
	threeStale = "3:3 12.5:3 0:3"
	fourFresh  = "4:0 13.5:0 0:1"
	defaults   = "0:4 0:4 0:4"
)

// gets waits until an event's features are as wanted.
func gets(t *testing.T, store *Store, c *Contract, key, want string) {
	t.Helper()
	var last string
	defer func() {
		if t.Failed() {
			t.Logf("%s is %s", key, last)
		}
	}()
	eventually(t, key+" is "+want, func() bool {
		rows, status := fetch(t, store, c, key)
		last = show(c, rows, status, 0)
		return last == want
	})
}

func TestRedisGoesAwayAndComesBack(t *testing.T) {
	server := startRedis(t)
	c := testContract(t, DefaultFeatures())
	store, set := runStore(t, server.Addr(), nil)
	server.Set("features:u", rowThree)
	gets(t, store, c, "u", threeFresh)

	server.Stop()
	gets(t, store, c, "u", threeStale)
	gets(t, store, c, "stranger", defaults)
	if err := store.Connected(); err == nil || strings.Contains(err.Error(), "\n") {
		t.Errorf("Connected: %v, want one line", err)
	}
	for _, name := range []string{
		"millrace_cache_stale_total",
		`millrace_degraded_total{feature="tx_count_1h",status="stale"}`,
		`millrace_degraded_total{feature="tx_count_1h",status="default"}`,
	} {
		if counter(set, name) == 0 {
			t.Errorf("%s is 0", name)
		}
	}

	server.Set("features:u", rowFour) // While nobody is told.
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	gets(t, store, c, "u", fourFresh)
	gets(t, store, c, "stranger", "0:1 0:1 0:1")
	server.Set("features:u", rowThree) // Tracking is on again.
	gets(t, store, c, "u", threeFresh)
	eventually(t, "connected", func() bool { return store.Connected() == nil })
}

// TestLostConnectionLeavesNothingFresh cuts the connection of a store that
// nobody asks anything, and changes a row while it is away.
func TestLostConnectionLeavesNothingFresh(t *testing.T) {
	server := startRedis(t)
	c := testContract(t, DefaultFeatures())
	store, _ := runStore(t, server.Addr(), nil)
	server.Set("features:u", rowThree)
	gets(t, store, c, "u", threeFresh)
	for range 5 {
		server.Disconnect()
		server.Set("features:u", rowFour)
		gets(t, store, c, "u", fourFresh)
		server.Disconnect()
		server.Set("features:u", rowThree)
		gets(t, store, c, "u", threeFresh)
	}
}

func TestRedisIsNotThereAtStart(t *testing.T) {
	server := startRedis(t)
	server.Set("features:u", rowThree)
	server.Stop()
	c := testContract(t, DefaultFeatures())
	store, _ := runStore(t, server.Addr(), nil)
	start := time.Now()
	rows, status := fetch(t, store, c, "u")
	if got := show(c, rows, status, 0); got != defaults {
		t.Errorf("got %s, want %s", got, defaults)
	}
	if took := time.Since(start); took > 2*time.Second {
		t.Errorf("a refused connection cost a batch %v", took)
	}
	if err := server.Restart(); err != nil {
		t.Fatal(err)
	}
	gets(t, store, c, "u", threeFresh)
}

func TestFetchWithoutRun(t *testing.T) {
	config := DefaultConfig()
	config.Timeout = 20 * time.Millisecond
	store, err := NewStore(config, DefaultRedis(), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	c := testContract(t, DefaultFeatures())
	start := time.Now()
	for range 100 {
		rows, status := fetch(t, store, c, "u")
		if got := show(c, rows, status, 0); got != defaults {
			t.Fatalf("got %s, want %s", got, defaults)
		}
	}
	if took := time.Since(start); took > time.Second {
		t.Errorf("100 batches took %v: only the first may wait for the connection", took)
	}
}

func TestFrozenRedisCostsLittle(t *testing.T) {
	const timeout, batches = 50 * time.Millisecond, 300
	server := startRedis(t)
	c := testContract(t, DefaultFeatures())
	var log logBuffer
	store, _ := runLoggedStore(t, server.Addr(), &log, func(config *Config, _ *Redis) { config.Timeout = timeout })
	server.Set("features:u", rowThree)
	gets(t, store, c, "u", threeFresh)
	eventually(t, "the link up", store.link.isUp)

	server.Freeze()
	slow := 0
	for i := range batches {
		before := time.Now()
		rows, status := fetch(t, store, c, fmt.Sprintf("stranger-%d", i))
		if got := show(c, rows, status, 0); got != defaults {
			t.Fatalf("batch %d: %s, want %s", i, got, defaults)
		}
		took := time.Since(before)
		if took > timeout/2 {
			slow++
		}
		if took > 10*timeout { // Room for a loaded machine.
			t.Errorf("batch %d took %v", i, took)
		}
	}
	if slow > 2*failureLimit { // failureLimit, and as many for a loaded machine.
		t.Errorf("%d of %d batches waited for the frozen server: the breaker did not open", slow, batches)
	}
	gets(t, store, c, "u", threeStale) // Its connection is closed sooner or later.

	server.Set("features:u", rowFour)
	server.Thaw()
	gets(t, store, c, "u", fourFresh)
	eventually(t, "the link up again", store.link.isUp)
	if down, up := log.count("does not answer"), log.count("Redis answers"); down != 1 || up != 2 {
		t.Errorf("logged going down %d times and coming up %d times, want 1 and 2:\n%s", down, up, log.String())
	}
}

func TestStaleCopiesAreBoundedByAge(t *testing.T) {
	server := startRedis(t)
	c := testContract(t, DefaultFeatures())
	store, _ := runStore(t, server.Addr(), func(config *Config, _ *Redis) { config.MaxStale = time.Second })
	server.Set("features:u", rowThree)
	gets(t, store, c, "u", threeFresh)
	server.Stop()
	gets(t, store, c, "u", threeStale)
	gets(t, store, c, "u", defaults)
}

func TestFetchEndsWithItsContext(t *testing.T) {
	server := startRedis(t)
	c := testContract(t, DefaultFeatures())
	store, _ := runStore(t, server.Addr(), func(config *Config, _ *Redis) { config.Timeout = time.Minute })
	gets(t, store, c, "u", "0:1 0:1 0:1")
	server.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	rows, status := make([]float64, c.Len()), make([]Status, c.Len())
	if err := store.Fetch(ctx, c, [][]byte{[]byte("v")}, rows, status); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Fetch: %v, want the context's error", err)
	}
	if err := store.Connected(); err != nil {
		t.Errorf("a caller that gave up counts as Redis' failure: %v", err)
	}
}

func TestFetchAsksOncePerKey(t *testing.T) {
	server := startRedis(t)
	server.Set("features:u", rowThree)
	c := testContract(t, DefaultFeatures())
	store, set := runStore(t, server.Addr(), nil)
	keys := strings.Split(strings.Repeat("u,stranger,", 50)+"u", ",")
	rows, status := fetch(t, store, c, keys...)
	for i, key := range keys {
		want := threeFresh
		if key != "u" {
			want = "0:1 0:1 0:1"
		}
		if got := show(c, rows, status, i); got != want {
			t.Fatalf("event %d: %s, want %s", i, got, want)
		}
	}
	if misses := counter(set, "millrace_cache_misses_total"); misses != float64(len(keys)) {
		t.Errorf("%v misses, want one for each of %d events", misses, len(keys))
	}
	b := store.batches.Get().(*batch)
	for i, key := range keys {
		store.miss(b, i, store.cache.hash([]byte(key)), []byte(key))
	}
	if len(b.keys) != 2 || len(b.asks) != 2 || len(b.waiting) != len(keys) {
		t.Errorf("%d keys are asked for, for %d events: want 2 for %d", len(b.keys), len(b.waiting), len(keys))
	}
}

func TestFetchLeavesTheEventsFeaturesAlone(t *testing.T) {
	server := startRedis(t)
	c := testContract(t, DefaultFeatures())
	store, _ := runStore(t, server.Addr(), nil)
	keys := [][]byte{[]byte("a"), []byte("b")}
	rows := []float64{1, 2, -1, -1, -1, 3, 4, -1, -1, -1}
	status := make([]Status, len(rows))
	for range 2 { // Missed, then found.
		if err := store.Fetch(t.Context(), c, keys, rows, status); err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(rows); got != "[1 2 0 0 0 3 4 0 0 0]" {
			t.Errorf("rows %s", got)
		}
	}
}

func TestHitsDoNotAllocate(t *testing.T) {
	server := startRedis(t)
	server.Set("features:u", rowThree)
	c := testContract(t, DefaultFeatures())
	store, set := runStore(t, server.Addr(), nil)
	gets(t, store, c, "u", threeFresh)
	keys := [][]byte{[]byte("u"), []byte("u")}
	rows, status := make([]float64, 2*c.Len()), make([]Status, 2*c.Len())
	before := counter(set, "millrace_cache_misses_total")
	allocs := testing.AllocsPerRun(1000, func() {
		if err := store.Fetch(context.Background(), c, keys, rows, status); err != nil {
			t.Fatal(err)
		}
	})
	if misses := counter(set, "millrace_cache_misses_total") - before; misses > 0 {
		t.Fatalf("%v misses: this did not measure hits", misses)
	}
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestMetricsAreThereFromTheStart(t *testing.T) {
	_, set := runStore(t, startRedis(t).Addr(), nil)
	names := []string{"millrace_cache_hits_total", "millrace_cache_misses_total", "millrace_cache_stale_total"}
	for _, f := range DefaultFeatures() {
		for _, status := range []string{"default", "stale"} {
			if f.Source == FromStore {
				names = append(names, fmt.Sprintf("millrace_degraded_total{feature=%q,status=%q}", f.Name, status))
			}
		}
	}
	for _, name := range names {
		if got := counter(set, name); got != 0 {
			t.Errorf("%s is %v", name, got)
		}
	}
}

func TestUnusableRowsAreLoggedOnce(t *testing.T) {
	server := startRedis(t)
	c := testContract(t, DefaultFeatures())
	var log logBuffer
	store, _ := runLoggedStore(t, server.Addr(), &log, nil)
	for i := range 20 {
		server.Set(fmt.Sprintf("features:bad-%d", i), `{"tx_count_1h":"many"}`)
		gets(t, store, c, fmt.Sprintf("bad-%d", i), "0:4 0:1 0:1")
	}
	if n := log.count("cannot be used"); n != 1 || log.count("feature tx_count_1h: want a number, got a string") != 1 {
		t.Errorf("logged %d times:\n%s", n, log.String())
	}
}

func TestContractsDoNotSeeEachOthersRows(t *testing.T) {
	server := startRedis(t)
	seven := Default(7)
	first := testContract(t, DefaultFeatures())
	second := testContract(t, []Feature{{Name: "n", Source: FromStore, Field: "tx_count_1h", Default: &seven}})
	store, _ := runStore(t, server.Addr(), nil)
	server.Set("features:u", rowThree)
	for range 3 {
		gets(t, store, first, "u", threeFresh)
		gets(t, store, second, "u", "3:0")
	}
}
