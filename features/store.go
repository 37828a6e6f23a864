package features

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/VictoriaMetrics/metrics"
	"github.com/redis/rueidis"
)

// complainEvery is how often, at most, an unusable row is logged.
const complainEvery = time.Minute

// Store looks rows up in Redis, with a cache of decoded rows in front of it
// that Redis' invalidation pushes keep honest. It is safe for concurrent use.
//
// A connection that dies without a sign is noticed within about two seconds
// (keepAlive and replyTimeout); hits in that time may be that much older than
// what Redis holds.
//
// Run owns the connection. Fetch works before, beside and after it, by the
// ladder that Fetch describes.
type Store struct {
	config   Config
	cache    *cache
	link     *link
	counters *counters
	log      *slog.Logger
	start    time.Time // The cache's clock counts from here.
	batches  sync.Pool // Of *batch.
	closing  sync.Once

	complained atomic.Int64 // When an unusable row was last logged, plus one.
}

// NewStore checks the configuration and reads its files; it does not dial. A
// nil set or log means that nobody listens.
func NewStore(config Config, redis Redis, set *metrics.Set, log *slog.Logger) (*Store, error) {
	if err := config.validate(); err != nil {
		return nil, err
	}
	if err := redis.validate(); err != nil {
		return nil, err
	}
	tlsConfig, err := redis.TLS.config()
	if err != nil {
		return nil, err
	}
	if set == nil {
		set = metrics.NewSet()
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	s := &Store{
		config:   config,
		cache:    newCache(int64(config.CacheBytes), config.CacheTTL),
		counters: newCounters(set),
		log:      log,
		start:    time.Now(),
	}
	s.batches.New = func() any { return &batch{at: map[string]int{}} }
	s.link = newLink(redis, tlsConfig, config.KeyPrefix, log)
	s.link.onLost = s.cache.invalidateAll
	s.link.probe = s.probe
	s.link.options.OnInvalidations = s.invalidated
	return s, nil
}

// Run connects to Redis and brings the connection back whenever it is lost. It
// returns nil when ctx ends, and leaves the connection to Close, so that
// batches in hand can still be finished.
func (s *Store) Run(ctx context.Context) error {
	s.link.run(ctx)
	return nil
}

// Connected is nil, or the reason why batches do without Redis at the moment.
// It is for showing: a Store without Redis still serves.
func (s *Store) Connected() error {
	if err := s.link.connected(); err != nil {
		return fmt.Errorf("redis %s: %w", s.link.options.InitAddress[0], err)
	}
	return nil
}

// Close ends the connection. Fetch still works, as without Redis.
func (s *Store) Close() { s.closing.Do(s.link.close) }

// invalidated handles the pushes of one connection, in order with its
// replies. Nil means that every row may have changed.
func (s *Store) invalidated(keys []rueidis.RedisMessage) {
	if keys == nil {
		s.cache.invalidateAll()
		return
	}
	for i := range keys {
		key, err := keys[i].AsBytes()
		if err == nil && len(key) >= len(s.config.KeyPrefix) {
			s.cache.invalidate(key[len(s.config.KeyPrefix):])
		}
	}
}

// probe asks what batches ask, for the row of an entity without a name, so
// that an answer means that batches will be answered too.
func (s *Store) probe(ctx context.Context, client rueidis.Client) error {
	b := client.B()
	var err error
	if s.config.Layout == HashLayout {
		err = client.Do(ctx, b.Hmget().Key(s.config.KeyPrefix).Field("").Build()).Error()
	} else {
		err = client.Do(ctx, b.Mget().Key(s.config.KeyPrefix).Build()).Error()
	}
	if isWrongType(err) {
		return nil
	}
	return err
}

// now is the cache's clock.
func (s *Store) now() time.Duration { return time.Since(s.start) }

// complain logs an unusable row, unless one was logged a short while ago: a
// broken writer breaks every row.
func (s *Store) complain(now time.Duration, key, problem string) {
	last := s.complained.Load()
	if last != 0 && now-time.Duration(last-1) < complainEvery || !s.complained.CompareAndSwap(last, int64(now)+1) {
		return
	}
	s.log.Warn("a row in Redis cannot be used; its features are defaults", "key", key, "problem", problem)
}
