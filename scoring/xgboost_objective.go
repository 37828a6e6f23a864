package scoring

import "strings"

// xgboostObjective is what an objective does to scores: base turns a base score into a margin
// (ProbToMargin), link margins into scores (PredTransform). The rest of an objective, losses and their
// parameters, ended with the training (src/objective/*.cu, src/objective/regression_loss.h).
type xgboostObjective struct {
	name string
	link linkKind
	base func(float32) float32 // Nil for the score itself.
}

// xgboostObjectiveFields are the fields of an objective: the parameters of losses, each objective's own,
// and the positions' biases of ranking. All but alphas end with the training. The misspelling is XGBoost 1.6's.
var xgboostObjectiveFields = []string{
	"name", "reg_loss_param", "softmax_multiclass_param", "poisson_regression_param", "tweedie_regression_param",
	"lambda_rank_param", "lambdarank_param", "ti+", "tj-", "aft_loss_param", "pseudo_huber_param",
	"pseduo_huber_param", "quantile_loss_param", "expectile_loss_param",
}

func (m *xgboostModel) readObjective(at *element) (xgboostObjective, error) {
	objective, err := at.object(xgboostObjectiveFields...)
	if err != nil {
		return xgboostObjective{}, err
	}
	if at, err = objective.get("name"); err != nil {
		return xgboostObjective{}, err
	}
	name, err := at.text()
	if err != nil {
		return xgboostObjective{}, err
	}
	o := xgboostObjective{name: name}
	switch name {
	case "reg:squarederror", "reg:linear", "reg:squaredlogerror", "reg:pseudohubererror", "reg:absoluteerror",
		"rank:pairwise", "rank:ndcg", "rank:map":
	case "reg:logistic", "binary:logistic":
		o.link, o.base = linkSigmoid32, m.logit
	case "binary:logitraw":
		if m.version.before(1, 3) {
			o.base = m.logit
		}
	case "binary:hinge":
		o.link = linkHinge32
	case "reg:gamma", "reg:tweedie", "count:poisson", "survival:cox", "survival:aft":
		o.link, o.base = linkExp32, logf
	case "multi:softprob":
		o.link = linkSoftmax32
	case "multi:softmax":
		o.link = linkArgmax
	case "reg:quantileerror":
		if !m.version.before(3, 4) {
			o.link, err = linkSort32, m.checkAlphas(objective, "quantile_loss_param", "quantile_alpha")
		}
	case "reg:expectileerror":
		o.link, err = linkExpectile32, m.checkAlphas(objective, "expectile_loss_param", "expectile_alpha")
	default:
		return o, at.failf("objective %s is not known, so its margins cannot be turned into scores", quoted([]byte(name)))
	}
	return o, err
}

// checkAlphas holds the outputs against the levels that they stand for, of which one row's are put in order.
func (m *xgboostModel) checkAlphas(objective *object, params, key string) error {
	at, err := objective.get(params)
	if err != nil {
		return err
	}
	fields, err := at.object(key)
	if err != nil {
		return err
	}
	if at, err = fields.get(key); err != nil {
		return err
	}
	text, err := at.text()
	if err != nil {
		return err
	}
	if n := strings.Count(text, ",") + 1; n != m.outputs {
		return at.failf("%d levels for %d outputs", n, m.outputs)
	}
	return nil
}

// baseMargins are the margins that a row's sums start with, one for each base score. Since 3.1 those of a
// model that was never fitted are the scores as they stand, unless a user set them
// (LearnerConfiguration::InitModelParam).
func (m *xgboostModel) baseMargins(fitted bool) ([]float64, error) {
	o, scores := m.objective, m.scores
	switch {
	case !fitted && m.average && !m.version.before(3, 1):
		o.base = nil
	case o.link == linkExpectile32:
		scores = unstackExpectiles(spread(scores, m.outputs))
	}
	margins := make([]float64, len(scores))
	for i, v := range scores {
		if o.base != nil {
			v = o.base(v)
		}
		if !finite32(v) {
			return nil, m.scoresAt.failf("%v has no margin under %s", m.scores[i], o.name)
		}
		margins[i] = float64(v)
	}
	return margins, nil
}

// logit is Logit of src/common/math.h. Since 3.1 it is bounded.
func (m *xgboostModel) logit(p float32) float32 {
	if !m.version.before(3, 1) {
		p = min(max(p, eps32), 1-eps32)
	}
	return -logf(1/p - 1)
}
