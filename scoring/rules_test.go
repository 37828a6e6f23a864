package scoring

import (
	"math"
	"testing"
)

// TestValues holds what nodes see of a value: LightGBM's zero band with its ends, XGBoost's float32 without
// one.
func TestValues(t *testing.T) {
	inf := math.Inf(1)
	for _, c := range []struct{ x, lightgbm, xgboost float64 }{
		{0, 0, 0},
		{math.NaN(), math.NaN(), math.NaN()},
		{inf, inf, inf},
		{-inf, -inf, -inf},
		{1e-36, 0, float64(float32(1e-36))},
		{-1e-36, 0, float64(float32(-1e-36))},
		{zeroThreshold, 0, zeroThreshold},
		{-zeroThreshold, 0, -zeroThreshold},
		{1e-35, 0, zeroThreshold},
		{math.Nextafter(zeroThreshold, 1), math.Nextafter(zeroThreshold, 1), zeroThreshold},
		{math.Nextafter(-zeroThreshold, -1), math.Nextafter(-zeroThreshold, -1), -zeroThreshold},
		{0.1, 0.1, float64(float32(0.1))},
		{1<<24 + 1, 1<<24 + 1, 1 << 24},
		{1e300, 1e300, inf},
		{-1e39, -1e39, -inf},
		{1e-45, 0, math.SmallestNonzeroFloat32},
		{5e-324, 0, 0},
	} {
		if got := lightgbmRules.value(c.x); got != c.lightgbm && !same(got, c.lightgbm) {
			t.Errorf("LightGBM sees %v of %v, want %v", got, c.x, c.lightgbm)
		}
		if got := xgboostRules.value(c.x); !same(got, c.xgboost) {
			t.Errorf("XGBoost sees %v of %v, want %v", got, c.x, c.xgboost)
		}
	}
}

// TestAdd holds the order and the width of sums.
func TestAdd(t *testing.T) {
	for _, c := range []struct{ sum, leaf, lightgbm, xgboost float64 }{
		{1, 1e-9, 1 + 1e-9, 1},
		{1 << 24, 1, 1<<24 + 1, 1 << 24},
		{1 << 24, 3, 1<<24 + 3, 1<<24 + 4},
		{math.MaxFloat32, math.MaxFloat32, 2 * math.MaxFloat32, math.Inf(1)},
		{math.Copysign(0, -1), math.Copysign(0, -1), math.Copysign(0, -1), math.Copysign(0, -1)},
	} {
		if got := lightgbmRules.add(c.sum, c.leaf); !same(got, c.lightgbm) {
			t.Errorf("LightGBM: %v + %v = %v, want %v", c.sum, c.leaf, got, c.lightgbm)
		}
		if got := xgboostRules.add(c.sum, c.leaf); !same(got, c.xgboost) {
			t.Errorf("XGBoost: %v + %v = %v, want %v", c.sum, c.leaf, got, c.xgboost)
		}
	}
}

func TestMember(t *testing.T) {
	set := []setWord{{0, 1 << 3}, {1, 1 << 31}, {1 << 26, 1}, {math.MaxUint32 / 32, 1 << 31}}
	in := map[uint32]bool{3: true, 63: true, 1 << 31: true, math.MaxUint32: true}
	for _, category := range []uint32{0, 2, 3, 4, 31, 32, 35, 62, 63, 64, 95, 1<<31 - 1, 1 << 31, 1<<31 + 1, math.MaxUint32 - 1, math.MaxUint32} {
		if member(set, category) != in[category] {
			t.Errorf("member(%d) = %v", category, !in[category])
		}
	}
	if member(nil, 0) {
		t.Error("the empty set has a member")
	}
}
