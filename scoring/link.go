package scoring

import (
	"fmt"
	"math"
	"slices"
)

// link turns margins into scores, in place. The formulas and the order of their operations are
// LightGBM's ConvertOutput methods (src/objective/*_objective.hpp), each kind names its own; those that
// end in 32 are XGBoost's PredTransform methods, in float32 (link32.go).
type link struct {
	kind    linkKind
	sigmoid float64 // The factor of the logistic links; 1 where the objective has none.
}

type linkKind uint8

const (
	linkIdentity linkKind = iota // regression, regression_l1, huber, fair, quantile, mape, ranking, custom.
	linkSigmoid                  // binary, multiclassova, cross_entropy: 1 / (1 + exp(-sigmoid·x)), each output for itself.
	linkSoftmax                  // multiclass: exp(x - max) / Σ exp(x - max) (utils/common.h, Softmax).
	linkExp                      // poisson, gamma, tweedie: exp(x).
	linkLog1pExp                 // cross_entropy_lambda: log1p(exp(x)).
	linkSignSqr                  // regression and its kin with "sqrt": sign(x)·x·x.
	linkSigmoid32
	linkSoftmax32
	linkExp32
	linkHinge32     // binary:hinge: 1 above 0, else 0.
	linkSort32      // reg:quantileerror since 3.4: a row's margins in ascending order.
	linkExpectile32 // reg:expectileerror: the first margin, then each score adds a softplus to the one before.
	linkArgmax      // multi:softmax: the number of the class with the largest margin; a row has one score.
)

// apply replaces the margins of rows of the given number of outputs by their scores. Where margins are
// beyond what exp can hold the result is ±Inf or NaN, as the library's is.
func (l link) apply(margins []float64, outputs int) {
	switch l.kind {
	case linkSigmoid:
		for i, x := range margins {
			margins[i] = 1 / (1 + math.Exp(-l.sigmoid*x))
		}
	case linkSoftmax:
		for ; len(margins) > 0; margins = margins[outputs:] {
			softmax(margins[:outputs])
		}
	case linkExp:
		for i, x := range margins {
			margins[i] = math.Exp(x)
		}
	case linkLog1pExp:
		for i, x := range margins {
			margins[i] = math.Log1p(math.Exp(x))
		}
	case linkSignSqr:
		for i, x := range margins {
			margins[i] = sign(x) * x * x
		}
	case linkSigmoid32:
		for i, x := range margins {
			margins[i] = sigmoid32(x)
		}
	case linkSoftmax32:
		for ; len(margins) > 0; margins = margins[outputs:] {
			softmax32(margins[:outputs])
		}
	case linkExp32:
		for i, x := range margins {
			margins[i] = exp32(x)
		}
	case linkHinge32:
		for i, x := range margins {
			margins[i] = hinge(x)
		}
	case linkSort32:
		for ; len(margins) > 0; margins = margins[outputs:] {
			slices.Sort(margins[:outputs])
		}
	case linkExpectile32:
		for ; len(margins) > 0; margins = margins[outputs:] {
			stackExpectiles(margins[:outputs])
		}
	case linkIdentity, linkArgmax:
	}
}

// agrees holds the scores of margins against the same formulas written down anew, without regard to
// overflow or the order of operations: the second opinion on apply. scratch is reused from call to call.
func (l link) agrees(margins []float64, outputs int, scratch *[2][]float64) error {
	for i := range scratch {
		scratch[i] = append(scratch[i][:0], margins...)
	}
	scores, want := scratch[0], scratch[1]
	l.apply(scores, outputs)
	for row := want; len(row) > 0; row = row[outputs:] {
		l.textbook(row[:outputs])
	}
	tolerance := 1e-12
	if l.kind >= linkSigmoid32 {
		tolerance = 2e-6
	}
	for i, got := range scores {
		if !finite(want[i]) || math.IsInf(got, 0) {
			continue
		}
		scale := max(1, math.Abs(want[i]))
		if l.kind == linkExpectile32 { // Scores are sums of margins, which may cancel.
			for _, x := range margins[i/outputs*outputs:][:outputs] {
				if !math.IsNaN(x) {
					scale = max(scale, math.Abs(x))
				}
			}
		}
		if !(math.Abs(got-want[i]) <= tolerance*scale) { // Written so that NaN is caught too.
			return fmt.Errorf("the margin %v has the score %v, by the formula %v", margins[i], got, want[i])
		}
	}
	return nil
}

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// textbook replaces a row's margins by its scores.
func (l link) textbook(row []float64) {
	switch l.kind {
	case linkSoftmax, linkSoftmax32:
		top, sum := slices.Max(row), 0.0
		for _, x := range row {
			sum += math.Exp(x - top)
		}
		for i, x := range row {
			row[i] = math.Exp(x - top - math.Log(sum))
		}
	case linkSort32:
		slices.Sort(row)
	case linkExpectile32:
		for i, x := range row[1:] {
			row[i+1] = row[i] + 1e-6 + softplus(x)
		}
	default:
		for i, x := range row {
			row[i] = l.formula(x)
		}
	}
}

// formula is the score of a margin that stands alone.
func (l link) formula(x float64) float64 {
	switch l.kind {
	case linkSigmoid:
		return (1 + math.Tanh(l.sigmoid*x/2)) / 2
	case linkSigmoid32:
		return (1 + math.Tanh(x/2)) / 2
	case linkExp, linkExp32:
		return math.Pow(math.E, x)
	case linkLog1pExp:
		return softplus(x)
	case linkSignSqr:
		return math.Copysign(x*x, x)
	case linkHinge32:
		if x > 0 {
			return 1
		}
		return 0
	}
	return x
}

// softplus is log(1 + exp(x)).
func softplus(x float64) float64 { return max(x, 0) + math.Log1p(math.Exp(-math.Abs(x))) }

func softmax(row []float64) {
	top := row[0]
	for _, x := range row[1:] {
		top = max(x, top)
	}
	sum := 0.0
	for i, x := range row {
		row[i] = math.Exp(x - top)
		sum += row[i]
	}
	for i := range row {
		row[i] /= sum
	}
}

func sign(x float64) float64 {
	switch {
	case x > 0:
		return 1
	case x < 0:
		return -1
	}
	return 0
}
