package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// WorldConfig sizes a World. The zero value of a field means its default.
type WorldConfig struct {
	Seed          uint64        // The same seed makes the same world; every value, 0 too, is a world of its own.
	Cards         int           // 20,000.
	Merchants     int           // 3,000, at most 10,000.
	EventsPerHour float64       // Of event time, averaged over a day: 36,000.
	Start         time.Time     // Of event time; 2026-03-02 09:00 UTC.
	Refresh       time.Duration // Event time between two micro-batches of the feature writer: 5 minutes.
}

func (c WorldConfig) withDefaults() WorldConfig {
	if c.Cards <= 0 {
		c.Cards = 20_000
	}
	if c.Merchants <= 0 {
		c.Merchants = 3_000
	}
	if c.EventsPerHour <= 0 {
		c.EventsPerHour = 36_000
	}
	if c.Start.IsZero() {
		c.Start = time.Date(2026, time.March, 2, 9, 0, 0, 0, time.UTC)
	}
	if c.Refresh < time.Millisecond {
		c.Refresh = 5 * time.Minute
	}
	return c
}

// World is a simulation of card traffic in event time. It depends on nothing but its configuration: neither on the
// clock nor on how fast it is asked. It is not safe for concurrent use.
type World struct {
	start   time.Time
	rng     *rand.Rand
	market  *market
	cards   []card
	users   alias
	thieves *fraudsters
	windows *windows

	meanGap     float64 // Between honest purchases when the day is average, milliseconds.
	now         int64   // Milliseconds since start; negative during warm-up.
	nextHonest  int64
	refresh     int64
	nextRefresh int64
	count       int
}

// NewWorld makes a world whose first event comes right after cfg.Start. The hour before has already happened, so that
// the windows are full and Updates has a row for each active user.
func NewWorld(cfg WorldConfig) *World {
	cfg = cfg.withDefaults()
	rng := rand.New(rand.NewPCG(cfg.Seed, 0x6d696c6c72616365))
	market := newMarket(cfg.Merchants, rng)
	refresh := cfg.Refresh.Milliseconds()
	// The first window starts on the refresh grid, so that rows have always been refreshed at multiples of it.
	warmUp := -(hourMillis + refresh - 1) / refresh * refresh
	w := &World{
		start:       cfg.Start.UTC().Truncate(time.Millisecond),
		rng:         rng,
		market:      market,
		cards:       newCards(cfg.Cards, market, rng),
		users:       newAlias(activity(cfg.Cards)),
		thieves:     newFraudsters(cfg.Cards, cfg.EventsPerHour, warmUp, rng),
		windows:     newWindows(cfg.Cards, len(market.merchants)),
		meanGap:     hourMillis / (cfg.EventsPerHour * (1 - fraudShare)),
		now:         warmUp,
		nextHonest:  warmUp,
		refresh:     refresh,
		nextRefresh: warmUp + refresh,
	}
	w.planHonest()
	for min(w.nextHonest, w.thieves.due()) < 0 {
		w.step()
	}
	w.count = 0
	return w
}

// Next returns the next purchase. Its Row is what the store shows if all Updates so far have been written.
func (w *World) Next() Event { return w.step() }

// Updates returns the rows that changed since the last call, to be written before the event that Next returned last is
// published. It is empty unless that event was the first after a refresh.
func (w *World) Updates() []Update {
	cards := w.windows.take()
	if len(cards) == 0 {
		return nil
	}
	updates := make([]Update, len(cards))
	for i, c := range cards {
		updates[i] = Update{UserID: w.cards[c].user, Row: w.windows.rows[c]}
	}
	return updates
}

func (w *World) step() Event {
	var who, shop int32
	var amount int64
	fraudAt := w.thieves.due()
	fraud := fraudAt <= w.nextHonest
	if fraud {
		w.now = fraudAt
		who, shop, amount = w.thieves.strike(w.cards, w.market)
	} else {
		w.now = w.nextHonest
		who = int32(w.users.pick(w.rng))
		owner := &w.cards[who]
		shop = owner.shop(w.market, w.rng)
		amount = owner.spend(w.market.kind(shop), w.rng)
		w.planHonest()
	}
	for w.nextRefresh <= w.now {
		w.windows.refresh(w.nextRefresh)
		w.nextRefresh += w.refresh
	}

	owner := &w.cards[who]
	event := Event{
		TransactionID:    fmt.Sprintf("tx-%09d", w.count),
		UserID:           owner.user,
		Amount:           float64(amount) / 100,
		MerchantCategory: w.market.merchants[shop].category,
		MerchantID:       w.market.merchants[shop].id,
		Currency:         owner.currency,
		Timestamp:        w.start.Add(time.Duration(w.now) * time.Millisecond),
		Fraud:            fraud,
		Row:              w.windows.rows[who],
	}
	w.count++
	if !owner.isNew {
		w.windows.add(purchase{at: w.now, cents: amount, card: who, merchant: shop})
	}
	return event
}

// planHonest draws when the next honest purchase is made: a Poisson process whose rate follows the hour of the day.
func (w *World) planHonest() {
	hour := math.Mod(float64(w.start.Hour())+float64(w.nextHonest)/hourMillis, 24)
	// Busiest at 14:00, quietest at 02:00 with a fifth of that.
	rhythm := 1 + 0.67*math.Cos(2*math.Pi*(hour-14)/24)
	w.nextHonest += int64(w.meanGap / rhythm * w.rng.ExpFloat64())
}
