package demo

import "math/rand/v2"

// alias draws indices by weight in constant time (Walker's alias method, in Vose's stable form).
type alias struct {
	keep  []float64 // Chance to keep slot i rather than go to other[i].
	other []int32
}

// newAlias prepares draws in proportion to weights, which must be positive.
func newAlias(weights []float64) alias {
	n := len(weights)
	total := 0.0
	for _, w := range weights {
		total += w
	}

	a := alias{keep: make([]float64, n), other: make([]int32, n)}
	scaled := make([]float64, n)
	var small, large []int32
	for i, w := range weights {
		scaled[i] = w / total * float64(n)
		if scaled[i] < 1 {
			small = append(small, int32(i))
		} else {
			large = append(large, int32(i))
		}
	}
	for len(small) > 0 && len(large) > 0 {
		s, l := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		a.keep[s], a.other[s] = scaled[s], l
		scaled[l] -= 1 - scaled[s]
		if scaled[l] < 1 {
			large = large[:len(large)-1]
			small = append(small, l)
		}
	}
	// What is left over is 1 but for rounding.
	for _, i := range append(small, large...) {
		a.keep[i] = 1
	}
	return a
}

func (a alias) pick(rng *rand.Rand) int {
	i := rng.IntN(len(a.keep))
	if rng.Float64() < a.keep[i] {
		return i
	}
	return int(a.other[i])
}
