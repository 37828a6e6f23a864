package demo

import (
	"encoding/json"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWorldIsDeterminedByItsSeed(t *testing.T) {
	a, b, other := NewWorld(WorldConfig{Seed: 3}), NewWorld(WorldConfig{Seed: 3}), NewWorld(WorldConfig{Seed: 4})
	same := 0
	for i := range 50_000 {
		ea, eb, eo := a.Next(), b.Next(), other.Next()
		if ea != eb {
			t.Fatalf("event %d differs:\n%+v\n%+v", i, ea, eb)
		}
		if ea.UserID == eo.UserID && ea.Amount == eo.Amount {
			same++
		}
		if diff := cmp.Diff(a.Updates(), b.Updates()); diff != "" {
			t.Fatalf("updates after event %d differ:\n%s", i, diff)
		}
	}
	if same > 100 {
		t.Errorf("%d of 50000 events of another seed are the same", same)
	}
}

// The rows are recomputed from nothing but the events, by the definition: a row covers the hour before the last
// refresh, and a refresh comes at every multiple of the interval from the start.
func TestRowsCoverTheHourBeforeTheLastRefresh(t *testing.T) {
	for _, test := range []struct {
		refresh       time.Duration
		cards         int
		eventsPerHour float64
		events        int
	}{
		{5 * time.Minute, 60, 400, 6_000},
		{7 * time.Minute, 60, 400, 6_000},
		{2 * time.Hour, 60, 400, 6_000},
		// So dense that purchases come, and leave the hour, at the very moment of a refresh that shows it.
		{10 * time.Millisecond, 5, 20_000, 30_000},
	} {
		t.Run(test.refresh.String(), func(t *testing.T) {
			start := time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
			world := NewWorld(WorldConfig{
				Seed: 5, Cards: test.cards, Merchants: 100, EventsPerHour: test.eventsPerHour, Refresh: test.refresh,
			})
			past := map[string][]Event{}
			checked, known := 0, 0
			for range test.events {
				event := world.Next()
				at := start.Add(event.Timestamp.Sub(start) / test.refresh * test.refresh)
				// The hour before the start is the world's own; it cannot be seen here.
				if at.Sub(start) >= time.Hour {
					checked++
					if event.Row.Known {
						known++
					}
					if want := naiveRow(past[event.UserID], at, event.Row.Known); want != event.Row {
						t.Fatalf("%s at %v: row %+v, by definition %+v", event.UserID, event.Timestamp, event.Row, want)
					}
				}
				past[event.UserID] = append(past[event.UserID], event)
			}
			if checked < 3_000 || known < checked*7/10 {
				t.Errorf("only %d rows checked, %d of known users", checked, known)
			}
		})
	}
}

func naiveRow(past []Event, at time.Time, known bool) Row {
	if !known {
		return Row{}
	}
	row := Row{Known: true}
	merchants := map[string]bool{}
	sum := 0.0
	for _, e := range past {
		if !e.Timestamp.Before(at.Add(-time.Hour)) && e.Timestamp.Before(at) {
			row.TxCount1h++
			sum += e.Amount
			merchants[e.MerchantID] = true
		}
	}
	row.UniqueMerchants1h = len(merchants)
	if row.TxCount1h > 0 {
		// The 1e-9 lifts a half that the binary sum has lost.
		mean := sum/float64(row.TxCount1h)*100 + 1e-9
		row.AvgAmount1h = float64(int64(mean+0.5)) / 100
	}
	return row
}

// A store that gets nothing but the updates shows each event the row that the event carries.
func TestUpdatesKeepAStoreAsTheEventsSeeIt(t *testing.T) {
	world := NewWorld(WorldConfig{Seed: 6, Cards: 500, EventsPerHour: 3_000})
	store := map[string]Row{}
	batches := 0
	var last time.Time
	for range 30_000 {
		event := world.Next()
		updates := world.Updates()
		for _, u := range updates {
			if store[u.UserID] == u.Row {
				t.Fatalf("%s: row %+v is written though it is there", u.UserID, u.Row)
			}
			store[u.UserID] = u.Row
		}
		if len(updates) > 0 {
			batches++
		}
		if store[event.UserID] != event.Row {
			t.Fatalf("%s: event carries %+v, store shows %+v", event.UserID, event.Row, store[event.UserID])
		}
		if event.Timestamp.Before(last) {
			t.Fatalf("%s at %v comes after %v", event.TransactionID, event.Timestamp, last)
		}
		last = event.Timestamp
	}
	if batches < 50 {
		t.Errorf("%d batches of updates in 30000 events", batches)
	}
}

func TestTrafficIsBelievable(t *testing.T) {
	world := NewWorld(WorldConfig{Seed: 7})
	const n = 400_000
	var frauds, rowless, unaware int
	categories, users, merchants := map[int]int{}, map[string]int{}, map[string]bool{}
	for range n {
		event := world.Next()
		if event.Fraud {
			frauds++
		}
		if !event.Row.Known {
			rowless++
		}
		if event.Row.TxCount1h == 0 {
			unaware++
		}
		categories[event.MerchantCategory]++
		users[event.UserID]++
		merchants[event.MerchantID] = true
		if event.Amount < 0.01 || event.Amount > 20_000 {
			t.Fatalf("%s: amount %v", event.TransactionID, event.Amount)
		}
	}
	if share := float64(frauds) / n; share < 0.01 || share > 0.02 {
		t.Errorf("fraud share %.4f, want 1 to 2 %%", share)
	}
	if share := float64(rowless) / n; share < 0.05 || share > 0.16 {
		t.Errorf("%.3f of the events are of users without a row, want about a tenth", share)
	}
	if len(categories) != 20 || categories[0] == 0 || categories[19] == 0 {
		t.Errorf("categories seen: %v", categories)
	}
	busiest := 0
	for _, count := range users {
		busiest = max(busiest, count)
	}
	if len(users) < 15_000 || busiest < n/1000 || busiest > n/50 {
		t.Errorf("%d users, the busiest with %d of %d events", len(users), busiest, n)
	}
	if len(merchants) < 2_900 {
		t.Errorf("%d merchants", len(merchants))
	}
}

// A stolen card must look different from its owner's habits, and not so different that a single rule finds it.
func TestFraudLooksLikeStolenCards(t *testing.T) {
	world := NewWorld(WorldConfig{Seed: 8})
	var large, small, resale, frauds float64
	for range 300_000 {
		event := world.Next()
		if !event.Fraud {
			continue
		}
		frauds++
		if event.Amount > 100 {
			large++
		}
		if event.Amount < 10 {
			small++
		}
		if categories()[event.MerchantCategory].resale {
			resale++
		}
	}
	if large/frauds < 0.5 || small/frauds < 0.08 || resale/frauds < 0.7 || resale/frauds > 0.98 {
		t.Errorf("of the fraud %.2f large, %.2f small, %.2f in resale goods", large/frauds, small/frauds, resale/frauds)
	}
}

func TestEventJSON(t *testing.T) {
	world := NewWorld(WorldConfig{Seed: 9})
	shortest, longest := 1<<20, 0
	for range 20_000 {
		event := world.Next()
		value := event.AppendJSON(nil)
		shortest, longest = min(shortest, len(value)), max(longest, len(value))
		var got struct {
			TransactionID    string    `json:"transaction_id"`
			UserID           string    `json:"user_id"`
			Amount           float64   `json:"amount"`
			MerchantCategory int       `json:"merchant_category"`
			Timestamp        time.Time `json:"timestamp"`
		}
		if err := json.Unmarshal(value, &got); err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		if got.TransactionID != event.TransactionID || got.UserID != event.UserID || got.Amount != event.Amount ||
			got.MerchantCategory != event.MerchantCategory || !got.Timestamp.Equal(event.Timestamp) {
			t.Fatalf("%+v is written as %s", event, value)
		}
		if strings.Contains(string(value), "fraud") {
			t.Fatalf("the label is given away: %s", value)
		}
	}
	if shortest < 200 || longest > 300 {
		t.Errorf("events of %d to %d bytes", shortest, longest)
	}
}

// What is trained on must be what is served: the CSV's numbers read back as the very numbers of the event and the row.
func TestCSVReadsBackAsWhatIsServed(t *testing.T) {
	world := NewWorld(WorldConfig{Seed: 10})
	columns := len(strings.Split(CSVHeader, ","))
	for range 20_000 {
		event := world.Next()
		cells := strings.Split(string(event.AppendCSV(nil)), ",")
		if len(cells) != columns {
			t.Fatalf("%d cells: %v", len(cells), cells)
		}
		var stored struct {
			Count  float64 `json:"tx_count_1h"`
			Mean   float64 `json:"avg_amount_1h"`
			Unique float64 `json:"unique_merchants_1h"`
		}
		if err := json.Unmarshal(event.Row.AppendJSON(nil), &stored); err != nil {
			t.Fatal(err)
		}
		want := []float64{event.Amount, float64(event.MerchantCategory), stored.Count, stored.Mean, stored.Unique, 0}
		if event.Fraud {
			want[5] = 1
		}
		for i, cell := range cells {
			got, err := strconv.ParseFloat(cell, 64)
			if err != nil || got != want[i] {
				t.Fatalf("cell %d of %v is %v (%v), want %v", i, cells, got, err, want[i])
			}
		}
	}
}

func BenchmarkWorld(b *testing.B) {
	world := NewWorld(WorldConfig{})
	b.ReportAllocs()
	for b.Loop() {
		world.Next()
		world.Updates()
	}
}
