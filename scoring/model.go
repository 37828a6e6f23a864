package scoring

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// The engines a user may choose. All of them give the same bits.
const (
	EngineCompiled = "compiled" // The fastest layout that holds the model; the default.
	EngineLeaves   = "leaves"   // github.com/dmitryikh/leaves finds the leaves; it holds no gblinear, which has no trees.
	EngineNaive    = "naive"    // One comparison after the other; it holds every model.
)

// Engines lists the engines a user may choose, the default first.
func Engines() []string { return []string{EngineCompiled, EngineLeaves, EngineNaive} }

// Options are what a user may choose about a model. The zero value is the default.
type Options struct {
	Engine string // One of Engines; empty is the first.
}

// Model is a model ready to score. It never changes after Open and is safe for concurrent use.
type Model struct {
	forest *forest
	engine engine
	info   Info
	spare  sync.Pool // Of *[]float64: one row's margins, where a row has fewer scores than margins.
}

// engine evaluates a forest. Engines are safe for concurrent use and allocate nothing. Their errors are
// faults of the engine, never of a row.
type engine interface {
	// layout says how the engine holds the forest: "masks", "ranks", "leaves", ….
	layout() string
	// margins writes the margins of any number of rows, each added up in the trees' order.
	margins(dst, rows []float64) error
	// exits writes the leaf in which one row ends, for each tree.
	exits(dst []int32, row []float64) error
}

// Info describes a model for people: logs, statuses, pages.
type Info struct {
	Format    string // What the file was: "lightgbm v4", "xgboost 3.2.0 json".
	Objective string // As the file states it; empty for a custom one.
	Engine    string // What evaluates the model: "compiled", "leaves" or "naive".
	Layout    string // How the engine holds it: "masks", "ranks", ….
	Referee   string // "leaves", which agreed with the engine when the model was opened, or "unrefereed: " and why it could not judge.
	Refereed  bool   // Whether leaves judged.
	Features  int
	Outputs   int // Scores a row.
	Trees     int
	Leaves    int
}

// newModel makes the engine for a forest, and has it refereed.
func newModel(f *forest, o Options) (*Model, error) {
	if o.Engine == "" {
		o.Engine = EngineCompiled
	}
	if !slices.Contains(Engines(), o.Engine) {
		return nil, fmt.Errorf("engine %q is not known; there are %s", o.Engine, strings.Join(Engines(), ", "))
	}
	e, verdict, err := newEngine(f, o.Engine)
	if err != nil {
		return nil, err
	}
	m := &Model{forest: f, engine: e}
	m.spare.New = func() any { s := make([]float64, f.outputs); return &s }
	m.info = Info{
		Format:    f.format,
		Objective: f.objective,
		Engine:    o.Engine,
		Layout:    e.layout(),
		Referee:   verdict,
		Refereed:  verdict == refereed,
		Features:  len(f.features),
		Outputs:   m.Outputs(),
		Trees:     len(f.trees),
		Leaves:    f.leafCount(),
	}
	return m, nil
}

// Features is the number of inputs a row holds.
func (m *Model) Features() int { return len(m.forest.features) }

// FeatureNames returns the inputs' names in the order of a row, as the file names them; where the
// training had no names they are LightGBM's Column_0, Column_1, … or XGBoost's f0, f1, …. The slice is
// the caller's.
func (m *Model) FeatureNames() []string { return slices.Clone(m.forest.features) }

// Outputs is the number of scores a row gets: the classes of a multi-class model, the targets of a
// multi-target one, else 1.
func (m *Model) Outputs() int {
	if m.forest.link.kind == linkArgmax {
		return 1
	}
	return m.forest.outputs
}

// Margins is the number of margins a row gets from PredictRaw. It is Outputs, but for XGBoost's
// multi:softmax, whose one score is the number of the class with the largest margin.
func (m *Model) Margins() int { return m.forest.outputs }

// Info describes the model.
func (m *Model) Info() Info { return m.info }

// Predict scores n rows: rows holds n × Features() values, row after row, NaN for a missing one, and
// dst gets n × Outputs() scores, what the training library's predict returns: probabilities,
// expectations or ranks by the objective. Slices of other lengths are an error and nothing is written.
// Predict allocates nothing and keeps neither slice. A score is ±Inf or NaN only where the margins
// overflow their link, as the library's would be.
func (m *Model) Predict(dst, rows []float64) error {
	f := m.forest
	if m.Outputs() != f.outputs {
		return m.predictApart(dst, rows)
	}
	if err := m.PredictRaw(dst, rows); err != nil {
		return err
	}
	if f.average {
		// LightGBM divides the sum (GBDT::Predict in src/boosting/gbdt_prediction.cpp) rather than
		// adding up shares, and applies the link to the mean.
		per := float64(len(f.trees) / f.outputs)
		for i := range dst {
			dst[i] /= per
		}
	}
	f.link.apply(dst, f.outputs)
	return nil
}

// PredictRaw is Predict without the link: it writes n × Margins() margins, for random forests the plain
// sums, as predict(raw_score=True) of LightGBM and predict(output_margin=True) of XGBoost do.
func (m *Model) PredictRaw(dst, rows []float64) error {
	if err := m.fits(dst, rows, m.Margins()); err != nil {
		return err
	}
	return m.engine.margins(dst, rows)
}

// predictApart is Predict where a row has fewer scores than margins, which then need a place of their own.
func (m *Model) predictApart(dst, rows []float64) error {
	if err := m.fits(dst, rows, m.Outputs()); err != nil {
		return err
	}
	in := m.Features()
	margins := m.spare.Get().(*[]float64)
	defer m.spare.Put(margins)
	for i := range dst {
		if err := m.engine.margins(*margins, rows[i*in:(i+1)*in]); err != nil {
			return err
		}
		dst[i] = argmax(*margins)
	}
	return nil
}

// fits refuses slices that do not make rows.
func (m *Model) fits(dst, rows []float64, out int) error {
	in := m.Features()
	n := len(rows) / in
	if len(rows) != n*in || len(dst) != n*out {
		return fmt.Errorf("predict: %d values and %d places for scores do not make rows of %d features and %d outputs",
			len(rows), len(dst), in, out)
	}
	return nil
}
