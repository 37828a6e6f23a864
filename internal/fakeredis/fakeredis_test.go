package fakeredis_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"go.uber.org/goleak"

	"millrace/internal/fakeredis"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// pushLog collects what a tracking client is told.
type pushLog struct {
	mu   sync.Mutex
	keys []string
	alls int
}

func (l *pushLog) add(messages []rueidis.RedisMessage) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if messages == nil {
		l.alls++
	}
	for _, m := range messages {
		key, _ := m.ToString()
		l.keys = append(l.keys, key)
	}
}

func (l *pushLog) has(key string) func() bool {
	return func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return slices.Contains(l.keys, key)
	}
}

func (l *pushLog) flushed(atLeast int) func() bool {
	return func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.alls >= atLeast
	}
}

func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !condition() {
		if time.Now().After(deadline) {
			t.Fatalf("never happened: %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

func start(t *testing.T) *fakeredis.Server {
	t.Helper()
	s, err := fakeredis.Start("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

func dial(t *testing.T, s *fakeredis.Server, edit func(*rueidis.ClientOption)) rueidis.Client {
	t.Helper()
	option := rueidis.ClientOption{
		InitAddress:       []string{s.Addr()},
		ForceSingleClient: true,
		PipelineMultiplex: -1,
		DisableRetry:      true,
		CacheSizeEachConn: 1 << 16,
	}
	if edit != nil {
		edit(&option)
	}
	client, err := rueidis.NewClient(option)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func tracking(log *pushLog, prefix string) func(*rueidis.ClientOption) {
	return func(o *rueidis.ClientOption) {
		o.OnInvalidations = log.add
		o.ClientTrackingOptions = []string{"PREFIX", prefix, "BCAST"}
	}
}

func do(t *testing.T, client rueidis.Client, command ...string) rueidis.RedisResult {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return client.Do(ctx, client.B().Arbitrary(command...).Build())
}

func TestEveryKindOfWriteIsPushed(t *testing.T) {
	commands := []struct{ name, line, pushed string }{
		{"set", "SET p:set 1", "p:set"},
		{"hset", "HSET p:hash f 1", "p:hash"},
		{"del", "DEL p:del", "p:del"},
		{"del of several", "DEL other p:del2", "p:del2"},
		{"mset", "MSET p:m1 1 p:m2 2", "p:m2"},
		{"rename", "RENAME p:set p:renamed", "p:renamed"},
		{"incr", "INCR p:incr", "p:incr"},
		{"expire", "EXPIRE p:incr 100", "p:incr"},
		{"setex", "SETEX p:setex 100 1", "p:setex"},
		{"append", "APPEND p:append x", "p:append"},
	}
	s := start(t)
	writer := dial(t, s, nil)
	for _, c := range commands {
		t.Run(c.name, func(t *testing.T) {
			var log pushLog
			dial(t, s, tracking(&log, "p:"))
			if err := do(t, writer, strings.Fields(c.line)...).Error(); err != nil {
				t.Fatal(err)
			}
			eventually(t, "a push of "+c.pushed, log.has(c.pushed))
			if log.has("other")() {
				t.Error("a key outside the prefix was pushed")
			}
		})
	}
}

func TestDirectWritesArePushed(t *testing.T) {
	s := start(t)
	var log pushLog
	client := dial(t, s, tracking(&log, "p:"))
	s.Set("p:a", "1")
	s.HSet("p:b", "f", "2")
	s.Del("p:c")
	for _, key := range []string{"p:a", "p:b", "p:c"} {
		eventually(t, "a push of "+key, log.has(key))
	}
	if got, err := do(t, client, "GET", "p:a").ToString(); err != nil || got != "1" {
		t.Errorf("GET p:a = %q, %v", got, err)
	}
	s.HSet("p:kind", "f", "1")
	s.Set("p:kind", "now a string")
	if got, _ := do(t, client, "GET", "p:kind").ToString(); got != "now a string" {
		t.Errorf("Set over a hash left %q", got)
	}
}

func TestTransactionIsPushedAfterExec(t *testing.T) {
	s := start(t)
	var log pushLog
	dial(t, s, tracking(&log, "p:"))
	writer := dial(t, s, nil)
	err := writer.Dedicated(func(c rueidis.DedicatedClient) error {
		for _, r := range c.DoMulti(t.Context(), c.B().Multi().Build(),
			c.B().Set().Key("p:x").Value("1").Build(), c.B().Discard().Build()) {
			if err := r.Error(); err != nil {
				return err
			}
		}
		for _, r := range c.DoMulti(t.Context(), c.B().Multi().Build(),
			c.B().Set().Key("p:y").Value("1").Build(), c.B().Exec().Build()) {
			if err := r.Error(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	eventually(t, "a push of p:y", log.has("p:y"))
	if log.has("p:x")() {
		t.Error("a discarded write was pushed")
	}
}

func TestFlushAndExpiry(t *testing.T) {
	s := start(t)
	var log pushLog
	dial(t, s, tracking(&log, "p:"))
	writer := dial(t, s, nil)
	for i, flush := range []string{"FLUSHALL", "FLUSHDB"} {
		if err := do(t, writer, flush).Error(); err != nil {
			t.Fatal(err)
		}
		eventually(t, flush+" pushed", log.flushed(i+1))
	}
	if err := do(t, writer, "SET", "p:ttl", "1", "PX", "40").Error(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the write's push", log.has("p:ttl"))
	log.mu.Lock()
	log.keys = nil
	log.mu.Unlock()
	eventually(t, "the expiry's push", log.has("p:ttl"))
	if err := do(t, writer, "GET", "p:ttl").Error(); !rueidis.IsRedisNil(err) {
		t.Errorf("an expired key answers %v", err)
	}
}

// TestReadersNeverSeeOldValues drives rueidis' own cache: it breaks when a push
// lands inside an EXEC reply, comes too early, or is lost.
func TestReadersNeverSeeOldValues(t *testing.T) {
	const keyCount, writes = 4, 300
	s := start(t)
	for _, mode := range [][]string{{"OPTIN"}, {"PREFIX", "k", "BCAST"}} {
		t.Run(mode[0], func(t *testing.T) {
			reader := dial(t, s, func(o *rueidis.ClientOption) {
				o.CacheSizeEachConn = 1 << 20
				o.ClientTrackingOptions = mode
			})
			writer := dial(t, s, nil)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			var wg sync.WaitGroup
			for k := range keyCount {
				wg.Go(func() {
					key := fmt.Sprintf("k%d", k)
					for i := range writes {
						want := fmt.Sprint(i)
						if err := writer.Do(ctx, writer.B().Set().Key(key).Value(want).Build()).Error(); err != nil {
							t.Error(err)
							return
						}
						for {
							got, err := reader.DoCache(ctx, reader.B().Get().Key(key).Cache(), time.Minute).ToString()
							if err != nil {
								t.Errorf("read %s: %v", key, err)
								return
							}
							if got == want {
								break
							}
						}
					}
				})
			}
			wg.Wait()
		})
	}
}

func TestStopAndRestartKeepData(t *testing.T) {
	s := start(t)
	var log pushLog
	client := dial(t, s, tracking(&log, ""))
	s.Set("kept", "1")
	addr := s.Addr()
	s.Stop()
	eventually(t, "the cut seen", log.flushed(1))
	if err := do(t, client, "GET", "kept").Error(); err == nil {
		t.Fatal("a stopped server answered")
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if s.Addr() != addr {
		t.Errorf("restarted on %s, was on %s", s.Addr(), addr)
	}
	eventually(t, "an answer after the restart", func() bool {
		got, _ := do(t, client, "GET", "kept").ToString()
		return got == "1"
	})
	if err := s.Restart(); err == nil {
		t.Error("a running server was restarted")
	}
}

func TestFreezeAnswersNothingUntilThaw(t *testing.T) {
	s := start(t)
	var log pushLog
	client := dial(t, s, func(o *rueidis.ClientOption) {
		tracking(&log, "p:")(o)
		o.ConnWriteTimeout = time.Minute // So that the connection outlives the freeze.
	})
	s.Freeze()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
	defer cancel()
	if err := client.Do(ctx, client.B().Ping().Build()).Error(); err == nil {
		t.Fatal("a frozen server answered")
	}
	s.Set("p:held", "1")
	if log.has("p:held")() {
		t.Error("a frozen server pushed")
	}
	s.Thaw()
	eventually(t, "the push held back", log.has("p:held"))
	if err := do(t, client, "PING").Error(); err != nil {
		t.Error(err)
	}
}

func TestAuthentication(t *testing.T) {
	s := start(t)
	s.RequireAuth("millrace", "right")
	for _, c := range []struct{ user, password, want string }{
		{"", "", "NOAUTH"},
		{"millrace", "wrong", "WRONGPASS"},
		{"stranger", "right", "WRONGPASS"},
		{"", "right", "WRONGPASS"}, // The default user has no password here.
		{"millrace", "right", ""},
	} {
		client, err := rueidis.NewClient(rueidis.ClientOption{
			InitAddress: []string{s.Addr()}, ForceSingleClient: true, Username: c.user, Password: c.password,
		})
		if client != nil {
			client.Close()
		}
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("user %q password %q: error %v, want %q", c.user, c.password, err, c.want)
		}
	}
}
