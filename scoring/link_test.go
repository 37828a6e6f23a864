package scoring

import (
	"math"
	"strings"
	"testing"
)

func TestLinks(t *testing.T) {
	e := math.E
	for _, c := range []struct {
		objective string
		in, want  []float64
	}{
		{"binary sigmoid:1", []float64{0}, []float64{0.5}},
		{"binary sigmoid:1", []float64{-800}, []float64{0}},
		{"binary sigmoid:0.5", []float64{2}, []float64{1 / (1 + 1/e)}},
		{"multiclassova num_class:2 sigmoid:2", []float64{0.5, -0.5}, []float64{1 / (1 + 1/e), 1 / (1 + e)}},
		{"cross_entropy", []float64{1}, []float64{1 / (1 + 1/e)}},
		{"xentropy", []float64{1}, []float64{1 / (1 + 1/e)}},
		{"cross_entropy_lambda", []float64{-40}, []float64{math.Exp(-40)}},
		{"poisson", []float64{1}, []float64{e}},
		{"tweedie", []float64{1000}, []float64{math.Inf(1)}},
		{"multiclass num_class:2", []float64{0, 1}, []float64{1 / (1 + e), e / (1 + e)}},
		{"multiclass num_class:2", []float64{5000, 5001}, []float64{1 / (1 + e), e / (1 + e)}},
		{"regression sqrt", []float64{-3}, []float64{-9}},
		{"fair sqrt", []float64{0}, []float64{0}},
		{"regression", []float64{-3}, []float64{-3}},
		{"rank_xendcg", []float64{-3}, []float64{-3}},
		{"custom", []float64{-3, 7}, []float64{-3, 7}},
	} {
		l, err := parseObjective(c.objective, len(c.in))
		if err != nil {
			t.Errorf("%s: %v", c.objective, err)
			continue
		}
		got := append([]float64(nil), c.in...)
		l.apply(got, len(got))
		agree(t, c.objective, got, c.want, 4e-16)
	}
}

func TestObjectivesOfOneOutput(t *testing.T) {
	if _, err := parseObjective("binary sigmoid:1", 3); err == nil || !strings.Contains(err.Error(), "one output, but num_class is 3") {
		t.Errorf("binary with three classes: %v", err)
	}
}

// TestCategories holds what an int32 conversion makes of a value on the processors LightGBM's users
// have, but without leaning on the processor, and XGBoost's narrower range.
func TestCategories(t *testing.T) {
	const none = -1
	for _, c := range []struct {
		x                 float64
		lightgbm, xgboost int64
	}{
		{0, 0, 0},
		{math.Copysign(0, -1), 0, 0},
		{1e-36, 0, 0},
		{-0.3, 0, none},
		{0.99, 0, 0},
		{-1, none, none},
		{-7.5, none, none},
		{33.7, 33, 33},
		{1<<24 - 1, 1<<24 - 1, 1<<24 - 1},
		{1<<24 - 0.3, 1<<24 - 1, none},
		{1 << 24, 1 << 24, none},
		{1<<31 - 1, 1<<31 - 1, none},
		{1<<31 - 0.5, 1<<31 - 1, none},
		{1 << 31, none, none},
		{1 << 32, none, none},
		{1<<32 + 5, none, none},
		{1e300, none, none},
		{-1e300, none, none},
		{math.Inf(1), none, none},
		{math.Inf(-1), none, none},
		{math.NaN(), none, none},
	} {
		for r, want := range map[rules]int64{lightgbmRules: c.lightgbm, xgboostRules: c.xgboost} {
			got, ok := r.category(c.x)
			if ok != (want != none) || ok && int64(got) != want {
				t.Errorf("rules %d: category(%v) = %d, %v, want %d", r, c.x, got, ok, want)
			}
		}
	}
}
