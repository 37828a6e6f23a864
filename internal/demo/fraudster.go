package demo

import (
	"math"
	"math/rand/v2"
)

const (
	fraudShare   = 0.02 // Of all purchases over a day; less in the busy hours, as thieves do not sleep.
	burstSize    = 16.0 // Mean number of purchases with one stolen card; see newBurst.
	carefulShare = 0.05 // Of the bursts, by a thief who imitates the owner.
)

// burst is one stolen card being emptied.
type burst struct {
	card    int32
	next    int64 // When the next purchase is made, in milliseconds of event time.
	pause   float64
	probes  int // Small purchases left that try whether the card works.
	left    int // Purchases left in all.
	careful bool
	scale   float64 // Typical large amount.
}

// fraudsters steal cards at a steady rate, by day and by night, and spend them in bursts: a few small probes, then
// large purchases at shops the owner never visits, most of them where goods turn into money again.
type fraudsters struct {
	rng      *rand.Rand
	cards    int
	meanGap  float64 // Between thefts, milliseconds.
	nextTick int64   // When the next card is stolen.
	active   []burst
	first    int // Index of the active burst whose purchase comes next; -1 when there is none.
}

func newFraudsters(cards int, eventsPerHour float64, start int64, rng *rand.Rand) *fraudsters {
	theftsPerHour := eventsPerHour * fraudShare / (1 - fraudShare) / burstSize
	f := &fraudsters{rng: rng, cards: cards, meanGap: hourMillis / theftsPerHour, first: -1}
	f.nextTick = start + int64(f.meanGap*rng.ExpFloat64())
	return f
}

// due returns the time of the next fraudulent purchase, stealing cards up to then as needed.
func (f *fraudsters) due() int64 {
	for f.first < 0 || f.nextTick <= f.active[f.first].next {
		f.active = append(f.active, f.newBurst(f.nextTick))
		f.nextTick += 1 + int64(f.meanGap*f.rng.ExpFloat64())
		f.findFirst()
	}
	return f.active[f.first].next
}

func (f *fraudsters) newBurst(at int64) burst {
	b := burst{
		card:    int32(f.rng.IntN(f.cards)),
		next:    at,
		pause:   (40 + 80*f.rng.Float64()) * 1000,
		probes:  1 + f.rng.IntN(4),
		careful: f.rng.Float64() < carefulShare,
		scale:   math.Log(120 + 280*f.rng.Float64()),
	}
	b.left = b.probes + 4 + f.rng.IntN(20) // 4+9.5+2.5 = burstSize on average.
	if b.careful {
		b.probes, b.pause = 0, 3*b.pause
	}
	return b
}

// strike makes the purchase that due announced: which card, at which merchant, for how many cents.
func (f *fraudsters) strike(cards []card, m *market) (stolen, shop int32, amount int64) {
	b := &f.active[f.first]
	owner := &cards[b.card]
	stolen = b.card

	switch {
	case b.careful:
		shop = m.anywhere(f.rng)
		amount = cents(1.6 * float64(owner.spend(m.kind(shop), f.rng)) / 100)
	case b.probes > 0:
		b.probes--
		shop = m.fence(f.rng)
		amount = cents(0.4 + 2.2*f.rng.ExpFloat64())
	default:
		shop = m.fence(f.rng)
		if f.rng.Float64() < 0.08 {
			shop = m.anywhere(f.rng)
		}
		amount = cents(math.Exp(b.scale + 0.5*f.rng.NormFloat64()))
	}

	b.left--
	b.next += 1 + int64(b.pause*f.rng.ExpFloat64())
	if b.left == 0 {
		last := len(f.active) - 1
		f.active[f.first] = f.active[last]
		f.active = f.active[:last]
	}
	f.findFirst()
	return stolen, shop, amount
}

// findFirst looks through the active bursts: a few dozen at most, and only after a fraudulent purchase.
func (f *fraudsters) findFirst() {
	f.first = -1
	for i := range f.active {
		if f.first < 0 || f.active[i].next < f.active[f.first].next {
			f.first = i
		}
	}
}
