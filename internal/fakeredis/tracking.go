package fakeredis

import (
	"strings"

	"github.com/alicebob/miniredis/v2/server"
)

// peer is what the fake remembers about one connection. The fields that a push
// reads (tracking, prefixes) are guarded by Server.mu; the rest belongs to the
// connection's goroutine.
type peer struct {
	db            int
	authenticated bool
	tracking      bool
	prefixes      []string // Empty = every key.
	dispatching   bool     // The hook itself has handed a command to miniredis.
	inMulti       bool
	queued        pushes // Writes queued since MULTI.
}

func (p *peer) wants(key string) bool {
	if len(p.prefixes) == 0 {
		return true
	}
	for _, prefix := range p.prefixes {
		if strings.HasPrefix(key, prefix) {
			return true
		}
	}
	return false
}

// pushes are invalidations to be sent.
type pushes struct {
	all  bool // A flush: one push without keys.
	keys []dbKey
}

func keys(db int, names ...string) pushes {
	var p pushes
	for _, name := range names {
		p.keys = append(p.keys, dbKey{db, name})
	}
	return p
}

func (p *pushes) add(other pushes) {
	p.all = p.all || other.all
	p.keys = append(p.keys, other.keys...)
}

func (p *pushes) empty() bool { return !p.all && len(p.keys) == 0 }

// peerOf finds or makes the record of a connection.
func (s *Server) peerOf(c *server.Peer) *peer {
	s.mu.Lock()
	defer s.mu.Unlock()
	p := s.peers[c]
	if p == nil {
		p = &peer{}
		s.peers[c] = p
		c.OnDisconnect(func() {
			s.mu.Lock()
			defer s.mu.Unlock()
			delete(s.peers, c)
		})
	}
	return p
}

// written notes which keys now have a TTL, then tells the tracking clients.
// It must be called after the write, without locks held.
func (s *Server) written(p pushes) {
	for _, k := range p.keys {
		ttl := s.redis.DB(k.db).TTL(k.key)
		s.mu.Lock()
		if ttl > 0 {
			s.expiring[k] = struct{}{}
		} else {
			delete(s.expiring, k)
		}
		s.mu.Unlock()
	}
	s.redis.Lock()
	defer s.redis.Unlock()
	s.mu.Lock()
	if s.frozen != nil {
		s.pending.add(p)
		s.mu.Unlock()
		return
	}
	s.mu.Unlock()
	s.push(p)
}

// push sends invalidations to every tracking connection. The caller holds the
// miniredis lock.
func (s *Server) push(p pushes) {
	type receiver struct {
		conn *server.Peer
		keys []string
	}
	var receivers []receiver
	s.mu.Lock()
	for c, client := range s.peers {
		if !client.tracking {
			continue
		}
		r := receiver{conn: c}
		for _, k := range p.keys {
			if client.wants(k.key) {
				r.keys = append(r.keys, k.key)
			}
		}
		if p.all || len(r.keys) > 0 {
			receivers = append(receivers, r)
		}
	}
	s.mu.Unlock()
	for _, r := range receivers {
		r.conn.Block(func(w *server.Writer) {
			w.WritePushLen(2)
			w.WriteBulk("invalidate")
			if p.all {
				w.WriteNull()
			} else {
				w.WriteStrings(r.keys)
			}
			w.Flush()
		})
	}
}
