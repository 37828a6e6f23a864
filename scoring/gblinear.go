package scoring

import "math"

// weights is a linear model, XGBoost's gblinear: margin k is base[k] + bias[k] + Σ coefficient × feature
// over the features that are there, in float32 and in that order (src/gbm/gblinear_model.h and
// src/gbm/gblinear.cc, PredictRow).
type weights struct {
	coefficient []float64 // Feature after feature, one value an output.
	bias        []float64 // One an output.
}

// add adds the model's margins to dst, which holds the base margins.
func (w *weights) add(dst, row []float64) {
	for k, base := range dst {
		dst[k] = float64(float32(w.bias[k]) + float32(base))
	}
	for i, x := range row {
		if math.IsNaN(x) {
			continue
		}
		for k, c := range w.coefficient[i*len(dst) : (i+1)*len(dst)] {
			dst[k] = float64(float32(dst[k]) + float32(float32(x)*float32(c)))
		}
	}
}
