package scoring

import (
	"math"
	"testing"
)

// TestLinks32 holds XGBoost's links where they are XGBoost's own: the clamp of the sigmoid, the width of
// softmax's sum, ties, and what is no number.
func TestLinks32(t *testing.T) {
	nan, inf, e := math.NaN(), math.Inf(1), math.E
	float := func(x float64) float64 { return float64(float32(x)) }
	small := float(math.Exp(-17))
	for _, c := range []struct {
		kind     linkKind
		in, want []float64
	}{
		{linkSigmoid32, []float64{0, 1, 200, inf, nan}, []float64{0.5, float(1 / (1 + 1/e)), 1, 1, nan}},
		{linkSigmoid32, []float64{-100, -inf}, []float64{float(math.Exp(-float(88.7))), float(math.Exp(-float(88.7)))}},
		{linkExp32, []float64{1, 89, -200}, []float64{float(e), inf, 0}},
		{linkHinge32, []float64{0, math.Copysign(0, -1), 1e-45, -1, nan}, []float64{0, 0, 1, 0, 0}},
		{linkSoftmax32, []float64{1, 1, 1, 1}, []float64{0.25, 0.25, 0.25, 0.25}},
		{linkSoftmax32, []float64{200, 100}, []float64{1, float(math.Exp(-100))}},
		{linkSoftmax32, []float64{0, -17, -17, -17, -17}, []float64{float(1 / (1 + 4*small)), small, small, small, small}},
		{linkSort32, []float64{3, -1, 2}, []float64{-1, 2, 3}},
		{linkExpectile32, []float64{1, 0, -1}, []float64{1, 1.6931482, 2.0064108}},
	} {
		got := append([]float64(nil), c.in...)
		link{kind: c.kind}.apply(got, len(got))
		for i, want := range c.want {
			if !same(got[i], want) && !(math.Abs(got[i]-want) <= 6e-7*want) {
				t.Errorf("link %d of %v: score %d is %v, want %v", c.kind, c.in, i, got[i], want)
			}
		}
	}
	wide := []float64{0, -17, -17, -17, -17}
	link{kind: linkSoftmax32}.apply(wide, len(wide))
	if wide[0] == 1 { // Within the tolerance above.
		t.Error("softmax adds up in float32")
	}
}

func TestArgmax(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		row  []float64
		want float64
	}{
		{[]float64{7}, 0},
		{[]float64{1, 2, 3}, 2},
		{[]float64{2, 2, 1}, 0},
		{[]float64{1, 2, 2}, 1},
		{[]float64{0, math.Copysign(0, -1)}, 0},
		{[]float64{1, nan, 2}, 2},
		{[]float64{nan, 1}, 0},
		{[]float64{math.Inf(-1), math.Inf(-1)}, 0},
	} {
		if got := argmax(c.row); got != c.want {
			t.Errorf("argmax(%v) = %v, want %v", c.row, got, c.want)
		}
	}
}
