package features

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"
)

const (
	shardCount  = 256
	stripeCount = 16 // Epochs a shard.

	// slotCost is what a map slot and a clock slot take beside an entry: 24 bytes
	// of key and pointer in the map at its mean load, 8 in the clock at its own,
	// and the allocator's rounding. Measured by TestCacheCountsRealMemory.
	slotCost = 80
)

// cache holds the decoded rows of entities, absent rows too, within a number of
// bytes. An entry that an invalidation has marked stale stays until it is
// evicted or replaced: it is what Fetch falls back on when Redis fails.
//
// The race it closes: a row is read from Redis, then changed there, and the
// change's invalidation is handled before the row read first is stored. So a
// fetch reads the key's epoch before it asks Redis, an invalidation raises the
// epoch, and put takes a row whose epoch has moved for stale from the start.
// Invalidations come in order with replies, so one that is yet to come finds the
// entry and marks it.
//
// All methods are safe for concurrent use.
type cache struct {
	seed   maphash.Seed
	limit  int64 // Bytes a shard.
	ttl    time.Duration
	shards [shardCount]shard
}

type shard struct {
	mu      sync.RWMutex
	entries map[string]*entry
	clock   []*entry // All entries, in no order; the hand goes round to evict.
	hand    int
	bytes   int64
	epochs  [stripeCount]uint64
	round   uint64 // Raised when everything is invalidated: older entries are stale.
	_       [64]byte
}

// entry is one entity's row.
type entry struct {
	key      string
	contract *Contract
	row      storedRow
	asked    time.Duration // When the question was sent, since the store's start.
	round    uint64
	stale    bool
	place    int         // In the shard's clock.
	used     atomic.Bool // Since the hand last came by.
}

func newCache(bytes int64, ttl time.Duration) *cache {
	c := &cache{seed: maphash.MakeSeed(), limit: bytes / shardCount, ttl: ttl}
	for i := range c.shards {
		c.shards[i].entries = map[string]*entry{}
	}
	return c
}

func (c *cache) hash(key []byte) uint64 { return maphash.Bytes(c.seed, key) }

func (c *cache) shard(hash uint64) *shard { return &c.shards[hash%shardCount] }

func stripe(hash uint64) int { return int(hash / shardCount % stripeCount) }

// fresh finds a row that may be used as the store's own word.
func (c *cache) fresh(hash uint64, key []byte, contract *Contract, now time.Duration) (storedRow, bool) {
	s := c.shard(hash)
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.entries[string(key)]
	if e == nil || e.contract != contract || s.isStale(e) || now-e.asked >= c.ttl {
		return storedRow{}, false
	}
	if !e.used.Load() { // So that a hit seldom writes to shared memory.
		e.used.Store(true)
	}
	return e.row, true
}

// any finds a row that was the store's word at most maxAge ago.
func (c *cache) any(hash uint64, key []byte, contract *Contract, now, maxAge time.Duration) (storedRow, bool) {
	s := c.shard(hash)
	s.mu.RLock()
	defer s.mu.RUnlock()
	e := s.entries[string(key)]
	if e == nil || e.contract != contract || now-e.asked > maxAge {
		return storedRow{}, false
	}
	e.used.Store(true)
	return e.row, true
}

// epoch is to be read before the store is asked, and handed to put.
func (c *cache) epoch(hash uint64) uint64 {
	s := c.shard(hash)
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.epochs[stripe(hash)]
}

// put stores a row that was asked for at the time and epoch given. Where the key
// may have been invalidated since, the row is stale, and only takes the place of
// one that is stale and older.
func (c *cache) put(hash uint64, key string, contract *Contract, row storedRow, asked time.Duration, epoch uint64) {
	cost := entryCost(key, row)
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	if cost > c.limit {
		return
	}
	stale := s.epochs[stripe(hash)] != epoch
	if old := s.entries[key]; old != nil {
		if stale && (!s.isStale(old) || old.asked > asked) {
			return
		}
		s.remove(old)
	}
	for s.bytes+cost > c.limit {
		s.evict()
	}
	e := &entry{
		key: key, contract: contract, row: row, asked: asked,
		round: s.round, stale: stale, place: len(s.clock),
	}
	s.entries[key] = e
	s.clock = append(s.clock, e)
	s.bytes += cost
}

// invalidate marks one key's row stale.
func (c *cache) invalidate(key []byte) {
	hash := c.hash(key)
	s := c.shard(hash)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.epochs[stripe(hash)]++
	if e := s.entries[string(key)]; e != nil {
		e.stale = true
	}
}

// invalidateAll marks every row stale.
func (c *cache) invalidateAll() {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.Lock()
		for j := range s.epochs {
			s.epochs[j]++
		}
		s.round++
		s.mu.Unlock()
	}
}

// isStale reports whether an entry has been invalidated.
func (s *shard) isStale(e *entry) bool { return e.stale || e.round != s.round }

// evict removes the first entry the hand finds that was not used since it last
// came by. There must be one entry at least.
func (s *shard) evict() {
	for {
		if s.hand >= len(s.clock) {
			s.hand = 0
		}
		e := s.clock[s.hand]
		s.hand++ // Also past the entry that remove puts in its place, the newest.
		if !e.used.Swap(false) {
			s.remove(e)
			return
		}
	}
}

func (s *shard) remove(e *entry) {
	last := s.clock[len(s.clock)-1]
	s.clock[e.place], last.place = last, e.place
	s.clock[len(s.clock)-1] = nil
	s.clock = s.clock[:len(s.clock)-1]
	delete(s.entries, e.key)
	s.bytes -= entryCost(e.key, e.row)
}

// entryCost is what an entry takes of the heap.
func entryCost(key string, row storedRow) int64 {
	return int64(unsafe.Sizeof(entry{})) + int64(unsafe.Sizeof(cell{}))*int64(len(row.cells)) +
		int64(len(key)) + slotCost
}

// size is the number of bytes and entries held, for tests.
func (c *cache) size() (bytes int64, entries int) {
	for i := range c.shards {
		s := &c.shards[i]
		s.mu.RLock()
		bytes += s.bytes
		entries += len(s.entries)
		s.mu.RUnlock()
	}
	return bytes, entries
}
