package features

import (
	"context"
	"fmt"
	"math"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/rueidis"
)

// The conformance suite holds for every Redis: the fake in this process, and
// the server that MILLRACE_TEST_REDIS names (host:port; it loses its data).

func TestStoreOnFakeRedis(t *testing.T) {
	conformance(t, startRedis(t).Addr())
}

func TestStoreOnRealRedis(t *testing.T) {
	addr := os.Getenv("MILLRACE_TEST_REDIS")
	if addr == "" {
		t.Skip("MILLRACE_TEST_REDIS names no server")
	}
	conformance(t, addr)
	t.Run("least rights", func(t *testing.T) {
		write := writer(t, addr)
		write("ACL", "SETUSER", "millrace-test", "on", ">secret", "~features:*", "+hello", "+client|tracking", "+mget", "+hmget", "+select")
		defer write("ACL", "DELUSER", "millrace-test")
		c := testContract(t, DefaultFeatures())
		for _, layout := range []StoreLayout{JSONLayout, HashLayout} {
			write("FLUSHALL")
			store, _ := runStore(t, addr, func(config *Config, redis *Redis) {
				config.Layout = layout
				redis.Username, redis.Password = "millrace-test", "secret"
			})
			gets(t, store, c, "u", "0:1 0:1 0:1")
			if layout == JSONLayout {
				write("SET", "features:u", rowThree)
			} else {
				write("HSET", "features:u", "tx_count_1h", "3", "avg_amount_1h", "12.5")
			}
			gets(t, store, c, "u", threeFresh)
		}
	})
}

func conformance(t *testing.T, addr string) {
	t.Run("rows", func(t *testing.T) { conformRows(t, addr, JSONLayout) })
	t.Run("hashes", func(t *testing.T) { conformRows(t, addr, HashLayout) })
	t.Run("invalidation", func(t *testing.T) { conformInvalidation(t, addr) })
	t.Run("truth", func(t *testing.T) { conformTruth(t, addr) })
}

// writer is another client of the server, as the program is that computes
// features.
func writer(t testing.TB, addr string) func(command ...string) {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{addr}, ForceSingleClient: true, DisableCache: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return func(command ...string) {
		t.Helper()
		if err := client.Do(context.Background(), client.B().Arbitrary(command...).Build()).Error(); err != nil {
			t.Errorf("%q: %v", command, err)
		}
	}
}

// storeContract reads a row with every type.
func storeContract(t testing.TB) *Contract {
	zero, nan, seven := Default(0), Default(math.NaN()), Default(7)
	return testContract(t, []Feature{
		{Name: "amount", Source: FromEvent},
		{Name: "count", Source: FromStore, Default: &zero},
		{Name: "rate", Source: FromStore, Default: &nan},
		{Name: "flag", Source: FromStore, Type: Boolean, Default: &seven},
		{Name: "tier", Source: FromStore, Type: Category, Codes: map[string]float64{"gold": 2, "é": 3}, Default: &seven},
		{Name: "count again", Source: FromStore, Field: "count", Default: &seven},
	})
}

func conformRows(t *testing.T, addr string, layout StoreLayout) {
	c := storeContract(t)
	store, set := runStore(t, addr, func(config *Config, _ *Redis) { config.Layout = layout })
	eventually(t, "a connection", func() bool { return store.Connected() == nil })
	write := writer(t, addr)
	write("FLUSHALL")
	var keys, want []string
	add := func(key, row string) { keys, want = append(keys, key), append(want, row) }
	if layout == JSONLayout {
		write("SET", "features:full", ` {"count":3,"rate":0.25,"flag":true,"tier":"\u00e9","more":[{}]} `)
		write("SET", "features:null", `{"count":null,"flag":false,"tier":"tin"}`)
		write("SET", "features:typo", `{"count":"3","rate":1e999,"flag":1,"tier":"gold"}`)
		write("SET", "features:broken", `{"count":3`)
		write("SET", "features:list", `[1]`)
		write("SET", "features:empty", ``)
		write("SET", "features:double", `{"count":3,"count":4}`)
		write("HSET", "features:kind", "count", "3")
		add("kind", "0:1 NaN:2 7:1 7:1 7:1") // MGET says nil for what is no string.
		add("broken", "0:4 NaN:4 7:4 7:4 7:4")
		add("list", "0:4 NaN:4 7:4 7:4 7:4")
		add("empty", "0:4 NaN:4 7:4 7:4 7:4")
		add("double", "0:4 NaN:4 7:4 7:4 7:4")
	} else {
		write("HSET", "features:full", "count", "3", "rate", "25e-2", "flag", "1", "tier", "é", "more", "x")
		write("HSET", "features:null", "flag", "false", "tier", "tin")
		write("HSET", "features:typo", "count", "3 ", "rate", "", "flag", "yes", "tier", "gold")
		write("SET", "features:kind", "a string")
		add("kind", "0:4 NaN:4 7:4 7:4 7:4")
	}
	add("full", "3:0 0.25:0 1:0 3:0 3:0")
	add("null", "0:1 NaN:2 0:0 7:1 7:1")
	add("typo", "0:4 NaN:4 7:4 2:0 7:4")
	add("nobody", "0:1 NaN:2 7:1 7:1 7:1")
	add("", "0:1 NaN:2 7:1 7:1 7:1")
	add("full", "3:0 0.25:0 1:0 3:0 3:0")
	check := func(when string) {
		t.Helper()
		rows, status := fetch(t, store, c, keys...)
		for i, key := range keys {
			if got := show(c, rows, status, i); got != want[i] {
				t.Errorf("%s: %q: %s, want %s", when, key, got, want[i])
			}
		}
	}
	check("asked")
	eventually(t, "all hits", func() bool { // Pushes of the writes above may have come between.
		misses := counter(set, "millrace_cache_misses_total")
		check("asked again")
		return counter(set, "millrace_cache_misses_total") == misses
	})
	if n := counter(set, `millrace_degraded_total{feature="rate",status="default"}`); n == 0 {
		t.Error("unusable rows were not counted as degraded")
	}
	if n := counter(set, "millrace_cache_stale_total"); n != 0 {
		t.Errorf("%v stale rows", n)
	}
}

func conformInvalidation(t *testing.T, addr string) {
	c := testContract(t, DefaultFeatures())
	store, _ := runStore(t, addr, nil)
	write := writer(t, addr)
	sees := func(key, want string) {
		t.Helper()
		eventually(t, key+" is "+want, func() bool {
			rows, status := fetch(t, store, c, key)
			return show(c, rows, status, 0) == want
		})
	}
	write("FLUSHALL")
	sees("u", "0:1 0:1 0:1")
	write("SET", "features:u", `{"tx_count_1h":1}`)
	sees("u", "1:0 0:1 0:1")
	write("SET", "features:u", `{"tx_count_1h":2}`)
	sees("u", "2:0 0:1 0:1")
	write("MSET", "features:u", `{"tx_count_1h":3}`, "features:v", `{"tx_count_1h":4}`)
	sees("u", "3:0 0:1 0:1")
	sees("v", "4:0 0:1 0:1")
	write("DEL", "features:u")
	sees("u", "0:1 0:1 0:1")
	write("SET", "features:u", `{"tx_count_1h":5}`, "PX", "150")
	sees("u", "5:0 0:1 0:1")
	sees("u", "0:1 0:1 0:1") // Expiry.
	sees("v", "4:0 0:1 0:1")
	write("FLUSHALL")
	sees("v", "0:1 0:1 0:1")
}

// keysWithOwnEpochs are keys whose epochs tell of them alone.
func keysWithOwnEpochs(cache *cache, n int) (keys [][]byte) {
	taken := map[[2]uint64]bool{}
	for i := 0; len(keys) < n; i++ {
		key := fmt.Appendf(nil, "truth-%d", i)
		hash := cache.hash(key)
		if place := [2]uint64{hash % shardCount, uint64(stripe(hash))}; !taken[place] {
			taken[place] = true
			keys = append(keys, key)
		}
	}
	return keys
}

// conformTruth writes rising values and reads all the time. Once the
// invalidation of a write has been handled, no older value may be Present.
func conformTruth(t *testing.T, addr string) {
	const keyCount, writes, readers = 4, 400, 3
	c := testContract(t, DefaultFeatures())
	store, _ := runStore(t, addr, nil)
	eventually(t, "a connection", func() bool { return store.Connected() == nil })
	write := writer(t, addr)
	write("FLUSHALL")
	keys := keysWithOwnEpochs(store.cache, keyCount)
	var floors [keyCount]atomic.Int64 // No older value may be seen any more.
	var done atomic.Bool
	var writing, reading sync.WaitGroup
	for k, key := range keys {
		writing.Go(func() {
			hash := store.cache.hash(key)
			for i := range writes {
				before := store.cache.epoch(hash)
				write("SET", "features:"+string(key), fmt.Sprintf(`{"tx_count_1h":%d}`, i+1))
				for start := time.Now(); store.cache.epoch(hash) == before; {
					if time.Since(start) > 10*time.Second {
						t.Error("an invalidation never came")
						return
					}
					time.Sleep(20 * time.Microsecond)
				}
				floors[k].Store(int64(i + 1))
			}
		})
	}
	for range readers {
		reading.Go(func() {
			rows, status := make([]float64, keyCount*c.Len()), make([]Status, keyCount*c.Len())
			for !done.Load() {
				var want [keyCount]int64
				for k := range want {
					want[k] = floors[k].Load()
				}
				if err := store.Fetch(context.Background(), c, keys, rows, status); err != nil {
					t.Error(err)
					return
				}
				for k := range want {
					at := k*c.Len() + c.stored[0]
					if want[k] > 0 && (status[at] != Present || rows[at] < float64(want[k])) {
						t.Errorf("%s: %v (%v) after %d was written and its invalidation handled", keys[k], rows[at], status[at], want[k])
						return
					}
				}
			}
		})
	}
	writing.Wait()
	done.Store(true)
	reading.Wait()
}
