package scoring

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// parseObjective reads LightGBM's objective: a name and its parameters, separated by spaces
// ("binary sigmoid:1.5"). Every parameter must be one that the named objective writes: one that is
// not understood may well change the score. classes is the number of margins a row.
func parseObjective(text string, classes int) (link, error) {
	name, rest, _ := strings.Cut(text, " ")
	params, err := objectiveParams(rest)
	if err != nil {
		return link{}, err
	}
	l := link{sigmoid: 1}
	single := true
	switch name {
	case "binary":
		l.kind = linkSigmoid
		l.sigmoid, err = params.sigmoid()
	case "multiclassova":
		single, l.kind = false, linkSigmoid
		if err = params.classes(classes); err == nil {
			l.sigmoid, err = params.sigmoid()
		}
	case "multiclass":
		single, l.kind = false, linkSoftmax
		err = params.classes(classes)
	case "cross_entropy", "xentropy": // The second is what LightGBM 2 wrote.
		l.kind = linkSigmoid
	case "cross_entropy_lambda", "xentlambda":
		l.kind = linkLog1pExp
	case "poisson", "gamma", "tweedie":
		l.kind = linkExp
	case "regression", "regression_l1", "quantile", "mape", "fair":
		if params.take("sqrt") {
			l.kind = linkSignSqr
		}
	case "huber", "lambdarank", "rank_xendcg":
	case "custom":
		single = false
	default:
		return link{}, fmt.Errorf("objective %s is not known, so its margins cannot be turned into scores", quoted([]byte(name)))
	}
	if err != nil {
		return link{}, fmt.Errorf("objective %q: %w", name, err)
	}
	if left := params.rest(); left != "" {
		return link{}, fmt.Errorf("objective %q: parameter %s is not known", name, quoted([]byte(left)))
	}
	if single && classes != 1 {
		return link{}, fmt.Errorf("objective %q has one output, but num_class is %d", name, classes)
	}
	return l, nil
}

// objectiveTokens holds the parameters of an objective that were not asked for yet: name → value.
type objectiveTokens map[string]string

func objectiveParams(text string) (objectiveTokens, error) {
	tokens := objectiveTokens{}
	for token := range strings.SplitSeq(text, " ") {
		if token == "" {
			continue
		}
		key, value, _ := strings.Cut(token, ":")
		if _, twice := tokens[key]; twice {
			return nil, fmt.Errorf("objective parameter %s stands twice", quoted([]byte(key)))
		}
		tokens[key] = value
	}
	return tokens, nil
}

func (t objectiveTokens) take(key string) bool {
	value, ok := t[key]
	if ok && value == "" {
		delete(t, key)
		return true
	}
	return false
}

func (t objectiveTokens) sigmoid() (float64, error) {
	text, ok := t["sigmoid"]
	if !ok {
		return 0, fmt.Errorf("its parameter sigmoid is missing")
	}
	delete(t, "sigmoid")
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v > 0) || math.IsInf(v, 0) {
		return 0, fmt.Errorf("sigmoid is %s, want a number above 0", quoted([]byte(text)))
	}
	return v, nil
}

func (t objectiveTokens) classes(want int) error {
	text, ok := t["num_class"]
	if !ok {
		return fmt.Errorf("its parameter num_class is missing")
	}
	delete(t, "num_class")
	if n, err := strconv.Atoi(text); err != nil || n != want {
		return fmt.Errorf("its num_class is %s, the header's %d", quoted([]byte(text)), want)
	}
	return nil
}

// rest names one parameter that nobody asked for, the first by name, or none.
func (t objectiveTokens) rest() string {
	first := ""
	for key := range t {
		if first == "" || key < first {
			first = key
		}
	}
	return first
}
