package features

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"
)

const ttl = time.Minute

// putRow stores a row of one value the way fetch does, with between happening
// while Redis is asked.
func putRow(cache *cache, c *Contract, key string, value float64, at time.Duration, between func()) {
	hash := cache.hash([]byte(key))
	epoch := cache.epoch(hash)
	if between != nil {
		between()
	}
	row := c.absentRow()
	row.cells[0] = cell{value, Present}
	cache.put(hash, key, c, row, at, epoch)
}

func freshRow(cache *cache, c *Contract, key string, now time.Duration) (float64, bool) {
	row, ok := cache.fresh(cache.hash([]byte(key)), []byte(key), c, now)
	if !ok {
		return 0, false
	}
	return row.cells[0].value, true
}

func anyRow(cache *cache, c *Contract, key string, now time.Duration) bool {
	_, ok := cache.any(cache.hash([]byte(key)), []byte(key), c, now, 5*time.Minute)
	return ok
}

func TestInvalidationBetweenReadAndPut(t *testing.T) {
	c := testContract(t, DefaultFeatures())
	for name, invalidate := range map[string]func(*cache){
		"of the key":    func(cache *cache) { cache.invalidate([]byte("k")) },
		"of everything": func(cache *cache) { cache.invalidateAll() },
	} {
		t.Run(name, func(t *testing.T) {
			cache := newCache(1<<20, ttl)
			putRow(cache, c, "k", 1, 0, func() { invalidate(cache) })
			if v, ok := freshRow(cache, c, "k", 0); ok {
				t.Errorf("the row read before the invalidation is fresh: %v", v)
			}
			if !anyRow(cache, c, "k", 0) {
				t.Error("the row read before the invalidation is not kept as a stale copy")
			}
			putRow(cache, c, "k", 2, 0, nil)
			if v, ok := freshRow(cache, c, "k", 0); !ok || v != 2 {
				t.Errorf("the row read after it: %v, %v", v, ok)
			}
			invalidate(cache)
			if _, ok := freshRow(cache, c, "k", 0); ok {
				t.Error("an invalidated row is fresh")
			}
			if !anyRow(cache, c, "k", 0) {
				t.Error("an invalidated row is gone: it must stay as a stale copy")
			}
			putRow(cache, c, "k", 3, 0, func() {
				invalidate(cache)
				putRow(cache, c, "k", 4, 0, nil)
			})
			if v, ok := freshRow(cache, c, "k", 0); !ok || v != 4 {
				t.Errorf("a row read before an invalidation took the place of one read after it: %v, %v", v, ok)
			}
		})
	}
}

func TestCacheAges(t *testing.T) {
	c, other := testContract(t, DefaultFeatures()), testContract(t, DefaultFeatures())
	cache := newCache(1<<20, ttl)
	putRow(cache, c, "k", 1, time.Second, nil)
	if _, ok := freshRow(cache, c, "k", time.Second+ttl-1); !ok {
		t.Error("not fresh within the TTL")
	}
	if _, ok := freshRow(cache, c, "k", time.Second+ttl); ok {
		t.Error("fresh after the TTL")
	}
	if !anyRow(cache, c, "k", time.Second+5*time.Minute) || anyRow(cache, c, "k", 2*time.Second+5*time.Minute) {
		t.Error("the stale copy is not bounded by max_stale")
	}
	if _, ok := freshRow(cache, other, "k", time.Second); ok || anyRow(cache, other, "k", time.Second) {
		t.Error("another contract sees the row")
	}
}

func TestCacheIsBounded(t *testing.T) {
	const limit, keyCount = 1 << 20, 20_000
	c := testContract(t, DefaultFeatures())
	cache := newCache(limit, ttl)
	random := rand.New(rand.NewPCG(1, 2))
	for i := range keyCount {
		putRow(cache, c, fmt.Sprintf("user-%d", i), 1, 0, nil)
		for range 2 { // Some keys are hot.
			freshRow(cache, c, fmt.Sprintf("user-%d", random.IntN(100)), 0)
		}
		if bytes, _ := cache.size(); bytes > limit {
			t.Fatalf("%d bytes after %d keys", bytes, i)
		}
	}
	bytes, entries := cache.size()
	if bytes < limit/2 || entries < 1000 {
		t.Errorf("only %d bytes, %d entries are used", bytes, entries)
	}
	hot, cold := 0, 0
	for i := range 100 {
		if _, ok := freshRow(cache, c, fmt.Sprintf("user-%d", i), 0); ok {
			hot++
		}
		if _, ok := freshRow(cache, c, fmt.Sprintf("user-%d", 1000+i), 0); ok {
			cold++
		}
	}
	if hot < 60 || cold > hot/2 {
		t.Errorf("%d of 100 hot keys are left, and %d of 100 cold ones", hot, cold)
	}
	tiny := newCache(0, ttl)
	putRow(tiny, c, "k", 1, 0, nil)
	if bytes, entries := tiny.size(); bytes != 0 || entries != 0 {
		t.Errorf("a cache of no bytes holds %d in %d entries", bytes, entries)
	}
}

func TestCacheReplacesInPlace(t *testing.T) {
	c := testContract(t, DefaultFeatures())
	cache := newCache(1<<20, ttl)
	for i := range 1000 {
		putRow(cache, c, fmt.Sprintf("user-%d", i%10), float64(i), 0, nil)
	}
	if _, entries := cache.size(); entries != 10 {
		t.Errorf("%d entries for 10 keys", entries)
	}
	for i := range 10 {
		if v, ok := freshRow(cache, c, fmt.Sprintf("user-%d", i), 0); !ok || v != float64(990+i) {
			t.Errorf("user-%d: %v, %v", i, v, ok)
		}
	}
}

// TestCacheCountsRealMemory compares the cache's own count with the heap.
func TestCacheCountsRealMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("fills 64 MiB")
	}
	const limit = 64 << 20
	c := testContract(t, DefaultFeatures())
	heap := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := heap()
	cache := newCache(limit, ttl)
	for i := 0; ; i++ {
		putRow(cache, c, fmt.Sprintf("user-%09d", i), 1, 0, nil)
		if _, entries := cache.size(); i%10_000 == 0 && entries < i {
			break // The cache is full.
		}
	}
	bytes, entries := cache.size()
	real := heap() - before
	t.Logf("%d entries: counted %d bytes each, %d on the heap", entries, bytes/int64(entries), real/int64(entries))
	if ratio := float64(real) / float64(bytes); ratio < 0.7 || ratio > 1.15 {
		t.Errorf("counted %d bytes, the heap grew by %d", bytes, real)
	}
	runtime.KeepAlive(cache)
}

// TestCacheUnderRace lets everything happen at once, for the race detector and
// for the books.
func TestCacheUnderRace(t *testing.T) {
	c := testContract(t, DefaultFeatures())
	cache := newCache(256<<10, ttl)
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 0))
			for range 5000 {
				key := fmt.Sprint(random.IntN(3000))
				switch random.IntN(8) {
				case 0:
					cache.invalidate([]byte(key))
				case 1:
					if random.IntN(50) == 0 {
						cache.invalidateAll()
					}
				case 2, 3, 4:
					putRow(cache, c, key, 1, 0, nil)
				default:
					freshRow(cache, c, key, 0)
				}
			}
		})
	}
	wg.Wait()
	for i := range cache.shards {
		s := &cache.shards[i]
		var sum int64
		for place, e := range s.clock {
			if e.place != place || s.entries[e.key] != e {
				t.Fatalf("shard %d: entry %q is lost", i, e.key)
			}
			sum += entryCost(e.key, e.row)
		}
		if len(s.clock) != len(s.entries) || sum != s.bytes {
			t.Errorf("shard %d: %d entries, %d in the clock, %d bytes counted, %d there", i, len(s.entries), len(s.clock), s.bytes, sum)
		}
	}
}
