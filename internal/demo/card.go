package demo

import (
	"math"
	"math/rand/v2"
	"strconv"
)

const (
	homeMerchants = 6    // Shops a card goes to again and again.
	homeShare     = 0.82 // Of a card's purchases that are made there.
	newUserEvery  = 10   // One user in so many is new: no feature row is ever written.
)

// card is one payment card with its owner's habits. One user has one card.
type card struct {
	user     string
	isNew    bool    // The feature writer does not know this user.
	logMean  float64 // Of the amounts, in log units of the currency.
	spread   float64 // Standard deviation in log units.
	currency string
	homes    [homeMerchants]int32
}

// newCards hands out n cards, u0 onwards.
func newCards(n int, m *market, rng *rand.Rand) []card {
	cards := make([]card, n)
	for i := range cards {
		c := card{
			user:     "u" + strconv.Itoa(i),
			isNew:    rng.IntN(newUserEvery) == 0,
			logMean:  math.Log(32) + 0.6*rng.NormFloat64(),
			spread:   0.35 + 0.25*rng.Float64(),
			currency: "EUR",
		}
		switch currency := rng.Float64(); {
		case currency < 0.08:
			c.currency = "CHF"
		case currency < 0.18:
			c.currency = "USD"
		}
		for h := range c.homes {
			c.homes[h] = m.anywhere(rng)
		}
		cards[i] = c
	}
	return cards
}

// activity is how often the cards are used, relative to one another: a few fleet and company cards pay several times
// a minute, most cards once or twice in a few hours. The exponent is that of a flattened Zipf law.
func activity(n int) []float64 {
	weights := make([]float64, n)
	for rank := range weights {
		weights[rank] = math.Pow(float64(rank+50), -1.1)
	}
	return weights
}

// shop picks where the owner pays next.
func (c *card) shop(m *market, rng *rand.Rand) int32 {
	if rng.Float64() < homeShare {
		return c.homes[rng.IntN(len(c.homes))]
	}
	return m.anywhere(rng)
}

// spend draws an amount in cents as the owner would pay at a merchant of this kind.
func (c *card) spend(kind category, rng *rand.Rand) int64 {
	return cents(math.Exp(c.logMean+c.spread*rng.NormFloat64()) * kind.typical)
}

// cents rounds an amount to cents within what a card terminal takes: 0.01 to 20,000.00.
func cents(amount float64) int64 {
	return int64(math.Round(min(max(amount, 0.01), 20_000) * 100))
}
