package demo

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/redis/rueidis"
	"github.com/twmb/franz-go/pkg/kgo"
	"golang.org/x/sync/errgroup"
)

// What stands in Kafka and in Redis afterwards is what a world of the same seed says, record by record and row by row.
func TestTrafficPlaysTheWorld(t *testing.T) {
	stack := startStack(t)
	book := newLedger()
	writer, err := newFeatureWriter(stack.Redis())
	if err != nil {
		t.Fatal(err)
	}
	defer writer.close()
	traffic, err := newTraffic(stack.Brokers(), NewWorld(WorldConfig{Seed: 11}), book, writer)
	if err != nil {
		t.Fatal(err)
	}
	defer traffic.close()

	sending, stop := context.WithTimeout(t.Context(), 700*time.Millisecond)
	defer stop()
	writing, stopWriting := context.WithCancel(t.Context())
	var group errgroup.Group
	group.Go(func() error { return writer.run(writing) })
	if err := traffic.run(sending, 15_000); err != nil {
		t.Fatal(err)
	}
	events, poisoned := book.sent()
	if events < 8_000 || poisoned != (events+poisonEvery/2-1)/poisonEvery {
		t.Errorf("%d events and %d poison records in 0.7 s at 15,000/s", events, poisoned)
	}

	twin, rows, want := NewWorld(WorldConfig{Seed: 11}), map[string]Row{}, map[string]Event{}
	for range events {
		event := twin.Next()
		want[event.TransactionID] = event
		for _, u := range twin.Updates() {
			rows[u.UserID] = u.Row
		}
	}
	checkTransactions(t, stack, want, events+poisoned)
	if !until(t.Context(), 5*time.Millisecond, func() bool {
		writer.mu.Lock()
		defer writer.mu.Unlock()
		return len(writer.waiting) == 0
	}) {
		t.Fatal("rows wait for ever")
	}
	stopWriting()
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	checkRows(t, stack, rows)
}

func checkTransactions(t *testing.T, stack *Stack, want map[string]Event, total int) {
	t.Helper()
	client := newClient(t, stack, kgo.ConsumeTopics(Transactions), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	trace := regexp.MustCompile(`^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$`)
	home, last, traces := map[string]int32{}, map[string]string{}, map[string]bool{}
	for read := 0; read < total; {
		fetches := client.PollFetches(t.Context())
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		for r := range fetches.RecordsAll() {
			read++
			user := string(r.Key)
			if p, ok := home[user]; ok && p != r.Partition {
				t.Fatalf("%s is in partitions %d and %d", user, p, r.Partition)
			}
			home[user] = r.Partition
			if len(r.Headers) != 1 || r.Headers[0].Key != "traceparent" || !trace.Match(r.Headers[0].Value) {
				t.Fatalf("headers %v", r.Headers)
			}
			traces[string(r.Headers[0].Value)] = true

			var id struct {
				TransactionID string `json:"transaction_id"`
			}
			if json.Unmarshal(r.Value, &id) != nil || want[id.TransactionID].TransactionID == "" {
				continue // Poison: it is among the total, and TestPoison looks at it.
			}
			event := want[id.TransactionID]
			if user != event.UserID || !bytes.Equal(r.Value, event.AppendJSON(nil)) {
				t.Fatalf("%s is %s under key %s", id.TransactionID, r.Value, user)
			}
			if id.TransactionID <= last[user] {
				t.Fatalf("%s of %s comes after %s", id.TransactionID, user, last[user])
			}
			last[user] = id.TransactionID
			delete(want, id.TransactionID)
		}
	}
	if len(want) > 0 || len(traces) != total {
		t.Errorf("%d events are not in the topic; %d traces for %d records", len(want), len(traces), total)
	}
}

// newRedis gives a test a client of its own.
func newRedis(t *testing.T, stack *Stack) rueidis.Client {
	t.Helper()
	client, err := rueidis.NewClient(rueidis.ClientOption{
		InitAddress: []string{stack.Redis()}, DisableCache: true, ForceSingleClient: true,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func checkRows(t *testing.T, stack *Stack, rows map[string]Row) {
	t.Helper()
	client := newRedis(t, stack)
	for user, row := range rows {
		got, err := client.Do(t.Context(), client.B().Get().Key("features:"+user).Build()).ToString()
		if err != nil || got != string(row.AppendJSON(nil)) {
			t.Fatalf("%s is stored as %s (%v), want %s", user, got, err, row.AppendJSON(nil))
		}
	}
	if size, err := client.Do(t.Context(), client.B().Dbsize().Build()).AsInt64(); err != nil || int(size) != len(rows) || size < 1_000 {
		t.Errorf("%d keys (%v) for %d rows", size, err, len(rows))
	}
}

// A store that goes away costs no row: what changed meanwhile is there once it is back, in its last state.
func TestFeatureWriterOutlivesTheStore(t *testing.T) {
	stack := startStack(t)
	writer, err := newFeatureWriter(stack.Redis())
	if err != nil {
		t.Fatal(err)
	}
	defer writer.close()
	ctx, cancel := context.WithCancel(t.Context())
	var group errgroup.Group
	group.Go(func() error { return writer.run(ctx) })

	stack.redis.Stop()
	rows := map[string]Row{}
	for i := range 50 {
		row := Row{Known: true, TxCount1h: i, AvgAmount1h: 1.5, UniqueMerchants1h: 1}
		user := fmt.Sprintf("u%d", i%7)
		rows[user] = row
		writer.put([]Update{{UserID: user, Row: row}})
	}
	if err := stack.redis.Restart(); err != nil {
		t.Fatal(err)
	}
	client := newRedis(t, stack)
	waiting, stop := context.WithTimeout(t.Context(), 20*time.Second)
	defer stop()
	for user, row := range rows {
		var got string
		if !until(waiting, 10*time.Millisecond, func() bool {
			got, _ = client.Do(waiting, client.B().Get().Key("features:"+user).Build()).ToString()
			return got == string(row.AppendJSON(nil))
		}) {
			t.Errorf("%s is stored as %q", user, got)
		}
	}
	cancel()
	if err := group.Wait(); err != nil {
		t.Error(err)
	}
}

func TestOldRowsDoNotReplaceNewerOnes(t *testing.T) {
	writer := &featureWriter{waiting: map[string]Row{}, wake: make(chan struct{}, 1)}
	writer.put([]Update{{UserID: "u1", Row: Row{Known: true, TxCount1h: 2}}})
	writer.putBack(map[string]Row{"u1": {Known: true, TxCount1h: 1}, "u2": {Known: true, TxCount1h: 5}})
	if writer.waiting["u1"].TxCount1h != 2 || writer.waiting["u2"].TxCount1h != 5 {
		t.Errorf("waiting: %+v", writer.waiting)
	}
}

func TestPaceNeitherDriftsNorOverflows(t *testing.T) {
	for _, rate := range []int64{1, 3, 7, 5_000, 999_983} {
		p := pace{start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), rate: rate}
		if p.count(p.start.Add(-time.Hour)) != 0 || p.count(p.start) != 1 || !p.due(0).Equal(p.start) {
			t.Errorf("rate %d: the first event is due at %v", rate, p.due(0))
		}
		year := 365 * 24 * time.Hour
		if got := p.due(rate * 365 * 24 * 3600); !got.Equal(p.start.Add(year)) {
			t.Errorf("rate %d: after a year the schedule stands at %v", rate, got)
		}
		for _, n := range []int64{1, 2, 1_000, rate - 1, rate, 31 * rate, 86_400*rate + 1} {
			// An event is counted once it is due; a nanosecond of rounding is forgiven.
			if at := p.due(n); p.count(at.Add(time.Nanosecond)) != n+1 || p.count(at.Add(-time.Nanosecond)) > n {
				t.Errorf("rate %d: event %d is due at %v, where %d are counted", rate, n, at, p.count(at))
			}
		}
	}
}

func TestPoisonCannotBeScored(t *testing.T) {
	world := NewWorld(WorldConfig{Seed: 12})
	var seen []string
	for i := range 40 {
		event := world.Next()
		good := event.AppendJSON(nil)
		before := bytes.Clone(good)
		bad := poison(good, i)
		if !bytes.Equal(good, before) {
			t.Fatal("the good event is changed")
		}
		if slices.Contains(seen, string(bad)) {
			t.Errorf("%s comes twice", bad)
		}
		seen = append(seen, string(bad))
		var fields map[string]any
		broken := json.Unmarshal(bad, &fields) != nil
		_, isNumber := fields["amount"].(float64)
		twice := bytes.Count(bad, []byte(`"amount":`)) == 2
		if !broken && isNumber && !twice {
			t.Errorf("kind %d can be scored: %s", i%poisonKinds, bad)
		}
	}
}
