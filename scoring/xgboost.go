package scoring

import (
	"bytes"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// The reader of XGBoost's models, JSON and UBJSON, as XGBoost 1.0 to 3.4 write them (src/learner.cc,
// LearnerIO::SaveModel) and 3.4 reads them:
//
//	version                            whose arithmetic the model follows (xgboostVersion)
//	learner
//	  learner_model_param              outputs, inputs, base score
//	  objective                        xgboost_objective.go
//	  gradient_booster                 trees or weights: xgboost_booster.go, xgboost_tree.go
//	  feature_names, feature_types     since 1.4
//	  attributes                       what the trainer noted down; Booster.predict heeds none of it
//
// The reader is stricter than XGBoost, which takes what it does not know for nothing: here every field is
// known.

// xgboostVersion is the version of XGBoost that wrote a model. A model scores as its writer scored it: where
// versions differ, the reader follows the one that the file names.
type xgboostVersion struct{ major, minor, patch int32 }

// before says whether the version came before major.minor.
func (v xgboostVersion) before(major, minor int32) bool {
	return v.major < major || v.major == major && v.minor < minor
}

func (v xgboostVersion) String() string {
	return fmt.Sprintf("%d.%d.%d", v.major, v.minor, v.patch)
}

// xgboostModel is a model being read: what its parts need to know of one another.
type xgboostModel struct {
	bytes     int // Of the whole file.
	version   xgboostVersion
	features  []string
	outputs   int
	objective xgboostObjective
	average   bool      // boost_from_average: training was to estimate the base score.
	scores    []float32 // The base score of each output, or one for all.
	scoresAt  *element
}

// readXGBoostJSON and readXGBoostUBJSON read a whole file. Errors name the field.
func readXGBoostJSON(data []byte) (*forest, error)   { return readXGBoost(jsonNotation{}, data) }
func readXGBoostUBJSON(data []byte) (*forest, error) { return readXGBoost(ubjsonNotation{}, data) }

func readXGBoost(n notation, data []byte) (*forest, error) {
	f, err := newXGBoostForest(n, data)
	if err != nil {
		return nil, fmt.Errorf("XGBoost %s: %w", n.name(), err)
	}
	return f, nil
}

func newXGBoostForest(n notation, data []byte) (*forest, error) {
	document, err := openDocument(n, data)
	if err != nil {
		return nil, err
	}
	if err := document.is(kindObject); err != nil {
		return nil, err
	}
	root, err := document.object("version", "learner", "Config", "Model")
	if err != nil {
		return nil, err
	}
	if at := root.find("Model"); at != nil {
		return nil, fmt.Errorf("a memory snapshot of a booster, which only its own version reads: %s", resaveXGBoost)
	}
	m := &xgboostModel{bytes: len(data), average: true}
	if err := m.readVersion(root); err != nil {
		return nil, err
	}
	at, err := root.get("learner")
	if err != nil {
		return nil, err
	}
	f, err := m.readLearner(at)
	if err != nil {
		return nil, err
	}
	f.format = "xgboost " + m.version.String() + " " + strings.ToLower(n.name())
	return f, f.check()
}

// readVersion reads who wrote the file. A version to come may score the same fields otherwise, as 3.4 did
// with quantiles. That is rare enough within 3.x, whose fields are known; the next major one is not read.
func (m *xgboostModel) readVersion(root *object) error {
	at, err := root.get("version")
	if err != nil {
		return err
	}
	v, err := at.int32s(nil, 3)
	if err != nil {
		return err
	}
	m.version = xgboostVersion{v[0], v[1], v[2]}
	if v[0] < 1 || v[0] > 3 || v[1] < 0 || v[2] < 0 {
		return at.failf("%v is not known; 1.0 to 3.x are read: re-save it with XGBoost 3", m.version)
	}
	return nil
}

func (m *xgboostModel) readLearner(at *element) (*forest, error) {
	learner, err := at.object("attributes", "feature_names", "feature_types", "gradient_booster",
		"learner_model_param", "objective", "generic_param", "learner_train_param", "metrics")
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"generic_param", "learner_train_param", "metrics"} {
		if learner.find(key) != nil {
			return nil, fmt.Errorf("a booster's configuration (save_config) holds no trees: %s", resaveXGBoost)
		}
	}
	if at, err = learner.get("learner_model_param"); err != nil {
		return nil, err
	}
	count, err := m.readParameters(at)
	if err != nil {
		return nil, err
	}
	if err := m.readFeatures(learner, count); err != nil {
		return nil, err
	}
	if at := learner.find("attributes"); at != nil {
		if err := at.is(kindObject); err != nil {
			return nil, err
		}
	}
	if at, err = learner.get("objective"); err != nil {
		return nil, err
	}
	if m.objective, err = m.readObjective(at); err != nil {
		return nil, err
	}
	if at, err = learner.get("gradient_booster"); err != nil {
		return nil, err
	}
	f := &forest{
		objective: m.objective.name,
		features:  m.features,
		outputs:   m.outputs,
		rules:     xgboostRules,
		link:      link{kind: m.objective.link, sigmoid: 1},
	}
	return f, m.readBooster(f, at)
}

// readParameters reads learner_model_param: all of its values are texts. It returns the number of features,
// which nothing bounds yet.
func (m *xgboostModel) readParameters(at *element) (*element, error) {
	params, err := at.object("base_score", "boost_from_average", "num_class", "num_feature", "num_target")
	if err != nil {
		return nil, err
	}
	if at, err = params.get("num_class"); err != nil {
		return nil, err
	}
	classes, err := at.parameter(0, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	targets := 1
	if at = params.find("num_target"); at != nil { // Since 1.6.
		if targets, err = at.parameter(1, math.MaxInt32); err != nil {
			return nil, err
		}
		if classes > 1 && targets > 1 {
			return nil, at.failf("%d targets of %d classes: XGBoost knows one target or no classes", targets, classes)
		}
	}
	m.outputs = max(classes, targets, 1)
	if at = params.find("boost_from_average"); at != nil { // Since 1.7.
		average, err := at.parameter(0, 1)
		if err != nil {
			return nil, err
		}
		m.average = average == 1
	}
	if m.scoresAt, err = params.get("base_score"); err != nil {
		return nil, err
	}
	if m.scores, err = readBaseScore(m.scoresAt); err != nil {
		return nil, err
	}
	if n := len(m.scores); n != 1 && n != m.outputs {
		return nil, m.scoresAt.failf("%d values for %d outputs", n, m.outputs)
	}
	return params.get("num_feature")
}

// readBaseScore reads a number, or since 3.1 several in brackets (src/common/param_array.cc).
func readBaseScore(at *element) ([]float32, error) {
	text, err := at.text()
	if err != nil {
		return nil, err
	}
	inner := strings.TrimSpace(text)
	if n := len(inner); n > 1 && (inner[0] == '[' && inner[n-1] == ']' || inner[0] == '(' && inner[n-1] == ')') {
		inner = inner[1 : n-1]
	}
	values := make([]float32, 0, strings.Count(inner, ",")+1)
	for part := range strings.SplitSeq(inner, ",") {
		v, ok := float32Text(part)
		if !ok {
			return nil, at.failf("%s is no finite number, or a list of them", quoted([]byte(text)))
		}
		values = append(values, v)
	}
	return values, nil
}

// unnamed is how many features a model may have without naming them, beside one for every eight bytes of the
// file: names and rows are made of that number alone, which must not be taken at its word in a small file.
const unnamed = 1 << 14

// readFeatures reads the features' names, or makes XGBoost's.
func (m *xgboostModel) readFeatures(learner *object, count *element) error {
	n, err := count.parameter(1, math.MaxInt32)
	if err != nil {
		return err
	}
	if at := learner.find("feature_types"); at != nil {
		types, err := at.count()
		if err != nil {
			return err
		}
		if types != 0 && types != n {
			return at.failf("%d types for %d features", types, n)
		}
	}
	at := learner.find("feature_names")
	if at != nil {
		if m.features, err = at.texts(); err != nil {
			return err
		}
	}
	if len(m.features) > 0 {
		return checkXGBoostNames(at, m.features, n)
	}
	if n > unnamed+m.bytes/8 {
		return count.failf("%d features without names in a file of %d bytes: give the training data feature names", n, m.bytes)
	}
	m.features = make([]string, n)
	for i := range m.features {
		m.features[i] = "f" + strconv.Itoa(i)
	}
	return nil
}

func checkXGBoostNames(at *element, names []string, want int) error {
	if len(names) != want {
		return at.failf("%d names for %d features", len(names), want)
	}
	sorted := slices.Sorted(slices.Values(names))
	for i, name := range sorted {
		if name == "" {
			return at.failf("a name is empty")
		}
		if i > 0 && name == sorted[i-1] {
			return at.failf("%s stands twice", quoted([]byte(name)))
		}
	}
	return nil
}

// isXGBoostJSON says whether the data begins as a model does: with a JSON object that soon has a learner.
func isXGBoostJSON(data []byte) bool {
	head := data[:min(len(data), beginning)]
	return bytes.HasPrefix(bytes.TrimLeftFunc(head, unicode.IsSpace), []byte("{")) && bytes.Contains(head, []byte(`"learner"`))
}

// isXGBoostUBJSON says whether the data begins as a UBJSON object does whose first field is a learner, or one
// whose name's length is written in 64 bits.
func isXGBoostUBJSON(data []byte) bool {
	head := data[:min(len(data), beginning)]
	if bytes.HasPrefix(head, []byte("{L\x00\x00\x00\x00")) {
		return true
	}
	return len(head) > 1 && head[0] == '{' && strings.IndexByte("iUIlL", head[1]) >= 0 && bytes.Contains(head, []byte("learner"))
}
