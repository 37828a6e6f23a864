package features

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/redis/rueidis"
)

// batch is the scratch memory of one Fetch that has misses.
type batch struct {
	scan    scanner
	asks    []ask
	at      map[string]int // For each key asked for, its position in asks.
	waiting []waiter
	keys    []string // For each of asks, the row's key in Redis.
	texts   [][]byte // One hash's fields.
}

// ask is one row to be fetched.
type ask struct {
	key   string // Without the prefix.
	hash  uint64
	epoch uint64 // Read before Redis is asked: see cache.
	row   storedRow
	stale bool
}

// waiter is an event whose row is fetched.
type waiter struct{ event, ask int }

// Fetch fills the store's features of n events: keys[i] names event i's entity
// as Event.Key does, and its row is rows[i*c.Len():(i+1)*c.Len()], with the
// same part of status. The event's features are left as they are.
//
// Rows come from the cache; those that are not there, or no longer fresh, are
// asked for in one round trip, within the configured timeout. When that fails,
// a copy confirmed at most max_stale ago stands in (Stale), and for want of one
// the defaults do (Defaulted). A row or field that Redis does not have is
// Absent or Missing, which is not degraded.
//
// The only error is ctx's; rows are then undefined. A batch of hits does not
// allocate and does not look at ctx.
func (s *Store) Fetch(ctx context.Context, c *Contract, keys [][]byte, rows []float64, status []Status) error {
	if len(c.stored) == 0 || len(keys) == 0 {
		return nil
	}
	counters := s.counters.of(c)
	now, width := s.now(), c.Len()
	rows, status = rows[:len(keys)*width], status[:len(keys)*width]
	degraded := false
	var b *batch
	for i, key := range keys {
		hash := s.cache.hash(key)
		row, ok := s.cache.fresh(hash, key, c, now)
		if !ok {
			if b == nil {
				b = s.batches.Get().(*batch)
				defer s.release(b)
			}
			s.miss(b, i, hash, key)
			continue
		}
		degraded = degraded || row.degraded
		c.put(row.cells, false, rows[i*width:][:width], status[i*width:][:width])
	}
	if b != nil {
		s.counters.misses.Add(len(b.waiting))
		if err := s.fetch(ctx, c, b, now); err != nil {
			return err
		}
		for _, w := range b.waiting {
			a := &b.asks[w.ask]
			degraded = degraded || a.stale || a.row.degraded
			if a.stale {
				s.counters.stale.Inc()
			}
			c.put(a.row.cells, a.stale, rows[w.event*width:][:width], status[w.event*width:][:width])
		}
		s.counters.hits.Add(len(keys) - len(b.waiting))
	} else {
		s.counters.hits.Add(len(keys))
	}
	if degraded {
		countDegraded(counters, c, status)
	}
	return nil
}

// miss enters an event that waits for its row. A row is asked for once, however
// many events wait for it.
func (s *Store) miss(b *batch, event int, hash uint64, key []byte) {
	i, known := b.at[string(key)]
	if !known {
		i = len(b.asks)
		full := s.config.KeyPrefix + string(key)
		bare := full[len(s.config.KeyPrefix):]
		b.at[bare] = i
		b.keys = append(b.keys, full)
		b.asks = append(b.asks, ask{key: bare, hash: hash, epoch: s.cache.epoch(hash)})
	}
	b.waiting = append(b.waiting, waiter{event, i})
}

// release gives the scratch back, without what it refers to.
func (s *Store) release(b *batch) {
	clear(b.asks)
	clear(b.at)
	clear(b.keys)
	clear(b.texts)
	b.asks, b.waiting, b.keys, b.texts = b.asks[:0], b.waiting[:0], b.keys[:0], b.texts[:0]
	b.scan.data, b.scan.name = nil, nil
	s.batches.Put(b)
}

// fetch finds a row for each of b.asks: Redis', a stale copy, or defaults. Its
// only error is ctx's.
func (s *Store) fetch(ctx context.Context, c *Contract, b *batch, now time.Duration) error {
	if err := s.askRedis(ctx, c, b, now); err == nil {
		for i := range b.asks {
			a := &b.asks[i]
			s.cache.put(a.hash, a.key, c, a.row, now, a.epoch)
		}
		return nil
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	for i := range b.asks {
		a := &b.asks[i]
		if a.row, a.stale = s.cache.any(a.hash, []byte(a.key), c, now, s.config.MaxStale); !a.stale {
			a.row = c.unusableRow()
		}
	}
	return nil
}

// askRedis fills the rows of b.asks from Redis and tells the link how it went.
func (s *Store) askRedis(ctx context.Context, c *Contract, b *batch, now time.Duration) error {
	limited, cancel := context.WithTimeout(ctx, s.config.Timeout)
	defer cancel()
	client, err := s.link.use(limited)
	if err != nil {
		return err
	}
	if s.config.Layout == HashLayout {
		err = s.readHashes(limited, client, c, b, now)
	} else {
		err = s.readObjects(limited, client, c, b, now)
	}
	switch {
	case err == nil:
		s.link.worked()
	case ctx.Err() == nil: // What the caller gave up is not Redis' failure.
		s.link.failed(fmt.Errorf("read %d rows: %w", len(b.keys), err))
	}
	return err
}

// readObjects reads rows that are strings of JSON with one MGET. A key that
// holds something else than a string is answered with nil, like a missing one.
func (s *Store) readObjects(ctx context.Context, client rueidis.Client, c *Contract, b *batch, now time.Duration) error {
	answers, err := client.Do(ctx, client.B().Mget().Key(b.keys...).Build()).ToArray()
	if err != nil {
		return err
	}
	if len(answers) != len(b.keys) {
		return fmt.Errorf("MGET of %d keys was answered with %d values", len(b.keys), len(answers))
	}
	for i := range answers {
		if answers[i].IsNil() {
			b.asks[i].row = c.absentRow()
			continue
		}
		text, err := answers[i].AsBytes()
		if err != nil {
			return err
		}
		row, problem := c.decodeObject(&b.scan, text)
		if problem != "" {
			s.complain(now, b.keys[i], problem)
		}
		b.asks[i].row = row
	}
	return nil
}

// readHashes reads rows that are hashes with one pipeline of HMGETs. A key that
// holds something else than a hash is an unusable row.
func (s *Store) readHashes(ctx context.Context, client rueidis.Client, c *Contract, b *batch, now time.Duration) error {
	commands := make([]rueidis.Completed, len(b.keys))
	for i, key := range b.keys {
		commands[i] = client.B().Hmget().Key(key).Field(c.store.names...).Build()
	}
	for i, answer := range client.DoMulti(ctx, commands...) {
		fields, err := answer.ToArray()
		var row storedRow
		var problem string
		switch {
		case isWrongType(err):
			row, problem = c.unusableRow(), "the key holds no hash"
		case err != nil:
			return err
		case len(fields) != len(c.store.names):
			return fmt.Errorf("HMGET of %d fields was answered with %d values", len(c.store.names), len(fields))
		default:
			b.texts = b.texts[:0]
			for j := range fields {
				text, err := fields[j].AsBytes()
				switch {
				case fields[j].IsNil():
					text = nil
				case err != nil:
					return err
				case text == nil:
					text = []byte{} // Empty is not absent.
				}
				b.texts = append(b.texts, text)
			}
			row, problem = c.decodeHash(&b.scan, b.texts)
		}
		if problem != "" {
			s.complain(now, b.keys[i], problem)
		}
		b.asks[i].row = row
	}
	return nil
}

// isWrongType reports whether Redis refused a command for the type of its key.
func isWrongType(err error) bool {
	var answer *rueidis.RedisError
	return errors.As(err, &answer) && strings.HasPrefix(answer.Error(), "WRONGTYPE")
}
