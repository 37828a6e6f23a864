package scoring

import "math"

// XGBoost's links, in float32 as src/objective and src/common/math.h compute them. exp and its like are
// rounded from float64, which is the right float32 but for the rarest ties; C libraries' are within one unit
// in the last place of it.

// eps32 is kRtEps, which keeps probabilities and distances from 0.
const eps32 float32 = 1e-6

// exp32 is expf.
func exp32(x float64) float64 { return float64(float32(math.Exp(x))) }

// sigmoid32 is Sigmoid: 1 / (expf(min(-x, 88.7)) + 1 + 1e-16).
func sigmoid32(x float64) float64 {
	e := float32(exp32(math.Min(float64(-float32(x)), float64(float32(88.7)))))
	return float64(1 / (e + 1 + 1e-16))
}

// softmax32 is Softmax.
func softmax32(row []float64) {
	top := row[0]
	for _, x := range row[1:] {
		top = max(x, top)
	}
	sum := 0.0
	for i, x := range row {
		row[i] = exp32(float64(float32(x - top)))
		sum += row[i]
	}
	for i := range row {
		row[i] = float64(float32(row[i]) / float32(sum))
	}
}

// hinge is HingeObj's PredTransform.
func hinge(x float64) float64 {
	if x > 0 {
		return 1
	}
	return 0
}

// argmax is the number of the largest margin, the first of several.
func argmax(row []float64) float64 {
	best := 0
	for i, x := range row {
		if x > row[best] {
			best = i
		}
	}
	return float64(best)
}

// stackExpectiles is ExpectileRegression's PredTransform: expectiles ascend by at least eps32.
func stackExpectiles(row []float64) {
	sum := float32(row[0])
	for i, x := range row[1:] {
		sum += eps32 + softplus32(float32(x))
		row[i+1] = float64(sum)
	}
}

// unstackExpectiles is its ProbToMargin: the margins that stack to the given scores.
func unstackExpectiles(scores []float32) []float32 {
	margins := append([]float32(nil), scores...)
	for i := len(margins) - 1; i > 0; i-- {
		x := max(margins[i]-margins[i-1]-eps32, eps32) // SoftPlusInv.
		expm1 := float32(math.Expm1(float64(-x)))
		margins[i] = x + logf(-expm1)
	}
	return margins
}

// softplus32 is SoftPlus: log(1 + exp(x)).
func softplus32(x float32) float32 {
	if x > 0 {
		return x + float32(math.Log1p(float64(float32(math.Exp(float64(-x))))))
	}
	return float32(math.Log1p(float64(float32(math.Exp(float64(x))))))
}
