package features

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/redis/rueidis"
)

const (
	failureLimit  = 3 // Failed batches in a row that close the way to Redis.
	probeWhenDown = 250 * time.Millisecond
	probeWhenUp   = time.Second
	slowestRedial = 2 * time.Second // Between attempts to connect for the first time.
	dialTimeout   = time.Second     // For connection, TLS and handshake.
	replyTimeout  = 500 * time.Millisecond
	keepAlive     = time.Second // rueidis asks an idle connection this often whether it lives.
)

// linkState is what is known about the way to Redis.
type linkState uint8

const (
	linkDown  linkState = iota // Nothing is sent but probes.
	linkTrial                  // A probe was answered: the next batch or probe decides.
	linkUp
)

var (
	errNotTried = errors.New("not connected yet")
	errLost     = errors.New("the connection was lost")
)

// link is the way to Redis: the client, and a circuit breaker that keeps
// batches from waiting for a server that does not answer. While it is not down,
// batches use it; while it is, only run's probes do, so that no batch ever waits
// for a dial or pays for a probe.
type link struct {
	options  rueidis.ClientOption
	probe    func(context.Context, rueidis.Client) error
	onLost   func() // Called when the connection closes.
	log      *slog.Logger
	password string // Kept to keep it out of errors.

	client atomic.Pointer[rueidis.Client] // Nil until the first connection.
	wake   chan struct{}                  // Asks run for a probe at once.

	grace    sync.Once
	attempts chan struct{} // Closed when the first attempt to connect has ended.

	mu       sync.Mutex
	state    linkState
	failures int   // In a row.
	reason   error // Why it is not up.
	reported string
	closed   bool
}

// newLink prepares the link; it does not dial.
func newLink(redis Redis, tlsConfig *tls.Config, prefix string, log *slog.Logger) *link {
	l := &link{
		log:      log,
		password: redis.Password,
		wake:     make(chan struct{}, 1),
		attempts: make(chan struct{}),
		reason:   errNotTried,
	}
	l.options = rueidis.ClientOption{
		InitAddress: redis.Addrs,
		Username:    redis.Username,
		Password:    redis.Password,
		SelectDB:    redis.DB,
		TLSConfig:   tlsConfig,
		DialCtxFn:   l.dial,
		Dialer:      net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive},
		// One connection to one server. All commands and all pushes come through it
		// in order, which the cache's epochs rest on: no command may go to the
		// pool of dedicated connections for its size.
		ForceSingleClient: true,
		PipelineMultiplex: -1,
		BlockingPipeline:  math.MaxInt,
		ConnWriteTimeout:  replyTimeout,
		DisableRetry:      true,
		// Tracking is wanted, rueidis' own cache is not: it stays empty, for
		// nothing is read through it.
		CacheSizeEachConn:     1 << 16,
		ClientTrackingOptions: []string{"PREFIX", prefix, "BCAST"},
		ClientName:            "millrace",
	}
	return l
}

// dial connects, and watches the connection's end.
func (l *link) dial(ctx context.Context, addr string, dialer *net.Dialer, config *tls.Config) (net.Conn, error) {
	var conn net.Conn
	var err error
	if config == nil {
		conn, err = dialer.DialContext(ctx, "tcp", addr)
	} else {
		conn, err = (&tls.Dialer{NetDialer: dialer, Config: config}).DialContext(ctx, "tcp", addr)
	}
	if err != nil {
		return nil, err
	}
	return &watchedConn{Conn: conn, lost: l.lost}, nil
}

// watchedConn tells when it is closed, which rueidis does as soon as it
// notices that a connection has ended.
type watchedConn struct {
	net.Conn
	once sync.Once
	lost func()
}

func (c *watchedConn) Close() error {
	err := c.Conn.Close()
	c.once.Do(c.lost)
	return err
}

// use returns the client for a batch, or why there is none. Until the first
// attempt to connect has ended, it waits for that attempt or for ctx.
func (l *link) use(ctx context.Context) (rueidis.Client, error) {
	select {
	case <-l.attempts:
	default:
		select {
		case <-l.attempts:
		case <-ctx.Done():
			l.endGrace()
		}
	}
	l.mu.Lock()
	state, reason := l.state, l.reason
	l.mu.Unlock()
	client := l.client.Load()
	if state == linkDown || client == nil {
		return nil, reason
	}
	return *client, nil
}

func (l *link) endGrace() { l.grace.Do(func() { close(l.attempts) }) }

// lost is called when the connection has closed.
func (l *link) lost() {
	l.onLost()
	l.mu.Lock()
	l.goDown(errLost)
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// failed notes a batch that got no answer.
func (l *link) failed(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures++
	if l.state == linkUp && l.failures < failureLimit {
		return
	}
	l.goDown(err)
}

// goDown notes why the link is down and reports it once. A reason that Redis
// itself gave is reported in place of an earlier one. The caller holds mu.
func (l *link) goDown(err error) {
	wasUp := l.state != linkDown
	l.state = linkDown
	if !wasUp && errors.Is(err, errLost) {
		return // It tells nothing that the reason we have does not.
	}
	l.reason = l.oneLine(err)
	if l.closed {
		return
	}
	var answer *rueidis.RedisError
	if text := l.reason.Error(); l.reported == "" || errors.As(err, &answer) && text != l.reported {
		l.reported = text
		l.log.Warn("Redis does not answer; stale or default features are used", "addr", l.options.InitAddress[0], "error", text)
	}
}

// worked notes an answer, to a batch or to a probe of a link that was not down.
func (l *link) worked() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failures = 0
	if l.state != linkTrial {
		return
	}
	l.state, l.reason, l.reported = linkUp, nil, ""
	l.log.Info("Redis answers", "addr", l.options.InitAddress[0])
}

// tried notes the outcome of a probe.
func (l *link) tried(err error) {
	if err != nil {
		l.failed(err)
		return
	}
	l.mu.Lock()
	down := l.state == linkDown
	if down {
		l.state = linkTrial
	}
	l.mu.Unlock()
	if !down {
		l.worked()
	}
}

// connected is nil, or why batches do not use Redis.
func (l *link) connected() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.state == linkDown {
		return l.reason
	}
	return nil
}

// run connects and then probes until ctx ends. rueidis makes later connections
// by itself, but only when something is sent: a lost connection is brought
// back by the probe that its loss asks for.
func (l *link) run(ctx context.Context) {
	delay := probeWhenDown
	for l.client.Load() == nil {
		client, err := rueidis.NewClient(l.options)
		if err == nil {
			l.client.Store(&client)
			break
		}
		l.failed(err)
		l.endGrace()
		if !sleep(ctx, delay, nil) {
			return
		}
		delay = min(2*delay, slowestRedial)
	}
	for {
		err := l.ask(ctx)
		if ctx.Err() != nil {
			return // The probe was cut short: it says nothing about Redis.
		}
		l.tried(err)
		l.endGrace()
		delay := probeWhenDown
		if l.isUp() {
			delay = probeWhenUp
		}
		if !sleep(ctx, delay, l.wake) {
			return
		}
	}
}

func (l *link) isUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.state == linkUp
}

// ask sends one probe. Where the connection is gone, this dials.
func (l *link) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return l.probe(ctx, *l.client.Load())
}

// sleep waits for d, or for wake, and reports false when ctx has ended.
func sleep(ctx context.Context, d time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	case <-wake:
	}
	return ctx.Err() == nil
}

// close ends the connection for good.
func (l *link) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	if client := l.client.Load(); client != nil {
		(*client).Close()
	}
}

// oneLine is the error's text on one line and without the password.
func (l *link) oneLine(err error) error {
	text := strings.ReplaceAll(err.Error(), "\n", "; ")
	if l.password != "" {
		text = strings.ReplaceAll(text, l.password, "***")
	}
	if errors.Is(err, rueidis.ErrNoCache) {
		return fmt.Errorf("client-side caching (CLIENT TRACKING, Redis 6 or newer) is refused: %s", text)
	}
	return errors.New(text)
}
