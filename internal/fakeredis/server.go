package fakeredis

import (
	"crypto/tls"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/alicebob/miniredis/v2/server"
)

// expiryInterval is how often keys with a TTL are looked at. An expiry is
// pushed at most this much late.
const expiryInterval = 20 * time.Millisecond

// Server is one running fake. All methods are safe for concurrent use.
//
// Lock order: the miniredis lock first, then mu.
type Server struct {
	redis *miniredis.Miniredis
	inner *server.Server // redis.Server(), which redis forgets in Close, while commands may be under way.
	tls   *tls.Config
	addr  string // The address that Restart listens on again.
	done  chan struct{}
	wg    sync.WaitGroup // Accept loops and the expiry watch.

	mu       sync.Mutex
	listener net.Listener // Nil while stopped.
	conns    map[net.Conn]struct{}
	peers    map[*server.Peer]*peer
	users    map[string]string // Passwords by user; empty = no authentication.
	expiring map[dbKey]struct{}
	frozen   chan struct{} // Closed by Thaw, Stop and Close; nil while not frozen.
	pending  pushes        // Pushes held back while frozen.
}

// dbKey is a key in one numbered database.
type dbKey struct {
	db  int
	key string
}

// Start starts a server on addr, which may ask for any port ("127.0.0.1:0").
func Start(addr string) (*Server, error) { return StartTLS(addr, nil) }

// StartTLS is Start for a server that speaks TLS; a nil config means plain TCP.
func StartTLS(addr string, config *tls.Config) (*Server, error) {
	s := &Server{
		redis:    miniredis.NewMiniRedis(),
		tls:      config,
		addr:     addr,
		done:     make(chan struct{}),
		conns:    map[net.Conn]struct{}{},
		peers:    map[*server.Peer]*peer{},
		users:    map[string]string{},
		expiring: map[dbKey]struct{}{},
	}
	// The first Dial starts miniredis without a listener of its own.
	conn, err := s.redis.Dial()
	if err != nil {
		return nil, fmt.Errorf("start fake Redis: %w", err)
	}
	conn.Close()
	s.inner = s.redis.Server()
	s.inner.SetPreHook(s.hook)
	if err := s.Restart(); err != nil {
		s.redis.Close()
		return nil, err
	}
	s.wg.Go(s.watchExpiry)
	return s, nil
}

// Addr is the address the server listens on, or last listened on.
func (s *Server) Addr() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.addr
}

// Restart listens again on the port that Stop left; the data is still there.
func (s *Server) Restart() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.listener != nil {
		return fmt.Errorf("restart fake Redis on %s: it is running", s.addr)
	}
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return fmt.Errorf("start fake Redis: %w", err)
	}
	s.addr = l.Addr().String()
	if s.tls != nil {
		l = tls.NewListener(l, s.tls)
	}
	s.listener = l
	s.wg.Go(func() { s.accept(l) })
	return nil
}

func (s *Server) accept(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		s.mu.Lock()
		if s.listener != l {
			s.mu.Unlock()
			conn.Close()
			return
		}
		s.conns[conn] = struct{}{}
		s.mu.Unlock()
		s.inner.ServeConn(&trackedConn{Conn: conn, server: s})
	}
}

// trackedConn leaves the server's books when miniredis closes it.
type trackedConn struct {
	net.Conn
	server *Server
}

func (c *trackedConn) Close() error {
	c.server.mu.Lock()
	delete(c.server.conns, c.Conn)
	c.server.mu.Unlock()
	return c.Conn.Close()
}

// Stop closes the listener and every connection, as a killed server would.
func (s *Server) Stop() {
	s.Thaw()
	s.mu.Lock()
	l := s.listener
	s.listener = nil
	s.mu.Unlock()
	if l != nil {
		l.Close()
	}
	s.Disconnect()
}

// Disconnect cuts every connection and goes on listening.
func (s *Server) Disconnect() {
	s.mu.Lock()
	conns := make([]net.Conn, 0, len(s.conns))
	for conn := range s.conns {
		conns = append(conns, conn)
	}
	s.mu.Unlock()
	for _, conn := range conns {
		conn.Close()
	}
}

// Close ends the server and waits for its goroutines.
func (s *Server) Close() {
	select {
	case <-s.done:
		return
	default:
	}
	close(s.done)
	s.Stop()
	s.redis.Close()
	s.wg.Wait()
}

// Freeze lets the server accept connections and commands and answer none of
// them, until Thaw. Writes through Set, HSet and Del still happen; their
// pushes wait for Thaw.
func (s *Server) Freeze() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.frozen == nil {
		s.frozen = make(chan struct{})
	}
}

// Thaw answers everything that Freeze held back.
func (s *Server) Thaw() {
	s.redis.Lock()
	defer s.redis.Unlock()
	s.mu.Lock()
	frozen, pending := s.frozen, s.pending
	s.frozen, s.pending = nil, pushes{}
	s.mu.Unlock()
	if frozen == nil {
		return
	}
	s.push(pending)
	close(frozen)
}

// RequireAuth lets only this user in, with this password. The user "default"
// is who a client without a user name is.
func (s *Server) RequireAuth(user, password string) {
	s.redis.RequireUserAuth(user, password)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.users[user] = password
}

// Set writes a string to database 0 and tells the tracking clients.
func (s *Server) Set(key, value string) {
	db := s.redis.DB(0)
	for db.Set(key, value) != nil {
		db.Del(key) // miniredis' direct Set refuses a key of another type.
	}
	s.written(keys(0, key))
}

// HSet sets fields of a hash in database 0, given as field, value, field,
// value …, and tells the tracking clients.
func (s *Server) HSet(key string, fieldsAndValues ...string) {
	s.redis.DB(0).HSet(key, fieldsAndValues...)
	s.written(keys(0, key))
}

// Del deletes a key of database 0 and tells the tracking clients.
func (s *Server) Del(key string) {
	s.redis.DB(0).Del(key)
	s.written(keys(0, key))
}

// Commands is the number of commands answered since Start.
func (s *Server) Commands() int { return s.inner.TotalCommands() }

// watchExpiry lets time pass for the keys that expire, and pushes those that have. Miniredis could follow the clock by
// itself, but would then sort all its keys for every command.
func (s *Server) watchExpiry() {
	tick := time.NewTicker(expiryInterval)
	defer tick.Stop()
	for last := time.Now(); ; {
		select {
		case <-s.done:
			return
		case <-tick.C:
		}
		elapsed := time.Since(last)
		last = last.Add(elapsed)
		s.mu.Lock()
		candidates := make([]dbKey, 0, len(s.expiring))
		for k := range s.expiring {
			candidates = append(candidates, k)
		}
		s.mu.Unlock()
		if len(candidates) == 0 {
			continue
		}
		s.redis.FastForward(elapsed)
		var gone pushes
		for _, k := range candidates {
			if !s.redis.DB(k.db).Exists(k.key) {
				gone.keys = append(gone.keys, k)
			}
		}
		if len(gone.keys) > 0 {
			s.written(gone)
		}
	}
}
