package demo

import (
	"fmt"
	"math/rand/v2"
)

// merchant is a shop that takes cards.
type merchant struct {
	id       string
	category int
}

// market is all merchants, and the shares by which an honest card picks one away from home.
type market struct {
	merchants  []merchant
	byCategory [][]int32 // Indices into merchants.
	shares     alias     // Over categories.
	resale     []int     // Categories where stolen cards are spent.
	kinds      []category
}

// newMarket opens n merchants, at least one of each category.
func newMarket(n int, rng *rand.Rand) *market {
	kinds := categories()
	weights := make([]float64, len(kinds))
	m := &market{byCategory: make([][]int32, len(kinds)), kinds: kinds}
	for code, kind := range kinds {
		weights[code] = kind.share
		if kind.resale {
			m.resale = append(m.resale, code)
		}
	}
	m.shares = newAlias(weights)

	for i := range max(n, len(kinds)) {
		code := i
		if i >= len(kinds) {
			code = m.shares.pick(rng)
		}
		m.merchants = append(m.merchants, merchant{id: fmt.Sprintf("m%04d", i), category: code})
		m.byCategory[code] = append(m.byCategory[code], int32(i))
	}
	return m
}

// anywhere picks a merchant as an honest card away from home does: the category by its share, then any shop in it.
func (m *market) anywhere(rng *rand.Rand) int32 {
	return m.within(m.shares.pick(rng), rng)
}

// fence picks a merchant whose goods turn into money again.
func (m *market) fence(rng *rand.Rand) int32 {
	return m.within(m.resale[rng.IntN(len(m.resale))], rng)
}

func (m *market) within(code int, rng *rand.Rand) int32 {
	shops := m.byCategory[code]
	return shops[rng.IntN(len(shops))]
}

// kind is the category of a merchant.
func (m *market) kind(shop int32) category {
	return m.kinds[m.merchants[shop].category]
}
