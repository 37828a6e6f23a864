package scoring

import (
	"fmt"
	"slices"
)

// Model is a model ready to score. It never changes after Open and is safe for concurrent use.
type Model struct {
	forest *forest
	engine engine
}

// engine evaluates the trees of a forest. predict adds up the margins of one row of features in the
// trees' order and writes them to dst, as many as the forest has outputs; it is safe for concurrent
// use and allocates nothing.
type engine interface {
	predict(dst, row []float64) error
}

// Info describes a model for people: logs, statuses, pages.
type Info struct {
	Format    string // What the file was: "lightgbm v4".
	Objective string // As the file states it; empty for a custom one.
	Engine    string // What evaluates the trees: "leaves".
	Features  int
	Outputs   int
	Trees     int
	Leaves    int
}

// newModel chooses the engine for a forest. (There is one so far.)
func newModel(f *forest) (*Model, error) {
	e, err := newLeavesEngine(f)
	if err != nil {
		return nil, err
	}
	return &Model{forest: f, engine: e}, nil
}

// Features is the number of inputs a row holds.
func (m *Model) Features() int { return len(m.forest.features) }

// FeatureNames returns the inputs' names in the order of a row, as the file names them; where the
// training had no names they are LightGBM's Column_0, Column_1, …. The slice is the caller's.
func (m *Model) FeatureNames() []string { return slices.Clone(m.forest.features) }

// Outputs is the number of scores a row gets: the classes of a multi-class model, else 1.
func (m *Model) Outputs() int { return m.forest.outputs }

// Info describes the model.
func (m *Model) Info() Info {
	return Info{
		Format:    m.forest.format,
		Objective: m.forest.objective,
		Engine:    "leaves",
		Features:  m.Features(),
		Outputs:   m.Outputs(),
		Trees:     len(m.forest.trees),
		Leaves:    m.forest.leafCount(),
	}
}

// Predict scores n rows: rows holds n × Features() values, row after row, NaN for a missing one, and
// dst gets n × Outputs() scores, what the training library's predict returns: probabilities,
// expectations or ranks by the objective. Slices of other lengths are an error and nothing is written.
// Predict allocates nothing and keeps neither slice. A score is ±Inf or NaN only where the margins
// overflow their link, as the library's would be.
func (m *Model) Predict(dst, rows []float64) error {
	if err := m.PredictRaw(dst, rows); err != nil {
		return err
	}
	f := m.forest
	if f.average {
		// LightGBM divides the sum (GBDT::Predict in src/boosting/gbdt_prediction.cpp) rather than
		// adding up shares, and applies the link to the mean.
		per := float64(len(f.trees) / f.outputs)
		for i := range dst {
			dst[i] /= per
		}
	}
	for ; len(dst) > 0; dst = dst[f.outputs:] {
		f.link.apply(dst[:f.outputs:f.outputs])
	}
	return nil
}

// PredictRaw is Predict without the link: it writes margins, for random forests the plain sums, as
// LightGBM's predict(raw_score=True).
func (m *Model) PredictRaw(dst, rows []float64) error {
	in, out := m.Features(), m.Outputs()
	n := len(rows) / in
	if len(rows) != n*in || len(dst) != n*out {
		return fmt.Errorf("predict: %d values and %d places for scores do not make rows of %d features and %d outputs",
			len(rows), len(dst), in, out)
	}
	for i := range n {
		if err := m.engine.predict(dst[i*out:(i+1)*out:(i+1)*out], rows[i*in:(i+1)*in:(i+1)*in]); err != nil {
			return fmt.Errorf("predict row %d: %w", i, err)
		}
	}
	return nil
}
