package scoring

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
)

const models = "../testdata/models"

// refused are the committed models that Open must not take, and a piece of what it says.
var refused = map[string]string{
	"broken_model": "cut short",
	"linear":       "linear trees are not read yet",
}

// expectation is one NAME.expected.csv: rows, and what LightGBM makes of them.
type expectation struct {
	names              []string
	rows, raws, scores []float64
}

func readExpected(t testing.TB, name string) expectation {
	t.Helper()
	file, err := os.Open(filepath.Join(models, name+".expected.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	table, err := csv.NewReader(file).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	e := expectation{}
	for _, column := range table[0] {
		if !strings.HasPrefix(column, "raw_") && !strings.HasPrefix(column, "score_") {
			e.names = append(e.names, column)
		}
	}
	for _, line := range table[1:] {
		for i, cell := range line {
			v := math.NaN()
			if cell != "" {
				if v, err = strconv.ParseFloat(cell, 64); err != nil {
					t.Fatal(err)
				}
			}
			switch column := table[0][i]; {
			case strings.HasPrefix(column, "raw_"):
				e.raws = append(e.raws, v)
			case strings.HasPrefix(column, "score_"):
				e.scores = append(e.scores, v)
			default:
				e.rows = append(e.rows, v)
			}
		}
	}
	return e
}

func readModel(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(models, name+".txt"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func open(t testing.TB, name string) *Model {
	t.Helper()
	m, err := Open(readModel(t, name))
	if err != nil {
		t.Fatalf("Open(%s): %v", name, err)
	}
	return m
}

// modelNames lists the committed models that Open takes.
func modelNames(t testing.TB) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(models, "*.txt"))
	if err != nil || len(paths) < 40 {
		t.Fatalf("%d models found, want at least 40 (%v)", len(paths), err)
	}
	var names []string
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".txt")
		if _, no := refused[name]; !no {
			names = append(names, name)
		}
	}
	return names
}

func TestModelsPredictWhatLightGBMPredicts(t *testing.T) {
	for _, name := range modelNames(t) {
		t.Run(name, func(t *testing.T) {
			m, want := open(t, name), readExpected(t, name)
			if got := strings.Join(m.FeatureNames(), " "); got != strings.Join(want.names, " ") {
				t.Fatalf("features %q, want %q", got, want.names)
			}
			raws, scores := make([]float64, len(want.raws)), make([]float64, len(want.scores))
			if err := m.PredictRaw(raws, want.rows); err != nil {
				t.Fatal(err)
			}
			if err := m.Predict(scores, want.rows); err != nil {
				t.Fatal(err)
			}
			// leaves adds the leaves up in LightGBM's order, so margins are LightGBM's to the bit.
			agree(t, "margin", raws, want.raws, 0)
			// Go's exp and the C library's may differ in the last bits.
			agree(t, "score", scores, want.scores, 1e-15)
		})
	}
}

// agree compares with a relative tolerance; 0 asks for the same bits.
func agree(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	bad := 0
	for i := range want {
		same := math.Float64bits(got[i]) == math.Float64bits(want[i]) ||
			tolerance > 0 && math.Abs(got[i]-want[i]) <= tolerance*math.Abs(want[i])
		if !same {
			if bad++; bad <= 3 {
				t.Errorf("%s %d = %v, want %v", what, i, got[i], want[i])
			}
		}
	}
	if bad > 3 {
		t.Errorf("%d of %d %ss differ", bad, len(want), what)
	}
}

func TestRefusedModels(t *testing.T) {
	for name, why := range refused {
		if _, err := Open(readModel(t, name)); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("Open(%s) = %v, want %q", name, err, why)
		}
	}
}

// TestBatchIsSingle holds that a row's scores are the same bits alone, in a batch, and in two
// goroutines at once (which the race detector watches).
func TestBatchIsSingle(t *testing.T) {
	for _, name := range modelNames(t) {
		m, want := open(t, name), readExpected(t, name)
		in, out := m.Features(), m.Outputs()
		whole := make([]float64, len(want.scores))
		if err := m.Predict(whole, want.rows); err != nil {
			t.Fatal(err)
		}
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() {
				one := make([]float64, out)
				for i := range len(want.rows) / in {
					if err := m.Predict(one, want.rows[i*in:(i+1)*in]); err != nil {
						t.Error(err)
						return
					}
					agree(t, name+" row alone", one, whole[i*out:(i+1)*out], 0)
				}
			})
		}
		wg.Wait()
	}
}

func TestPredictRefusesWrongShapes(t *testing.T) {
	m := open(t, "multiclass")
	for _, shape := range []struct{ dst, rows int }{
		{3, 4}, {3, 6}, {2, 5}, {4, 5}, {3, 10}, {6, 5}, {0, 5}, {3, 0}, {1, 1},
	} {
		dst := make([]float64, shape.dst)
		for i := range dst {
			dst[i] = 42
		}
		if err := m.Predict(dst, make([]float64, shape.rows)); err == nil {
			t.Errorf("Predict took %d values for %d scores", shape.rows, shape.dst)
		}
		for _, v := range dst {
			if v != 42 {
				t.Errorf("Predict wrote to dst of %d beside %d values", shape.dst, shape.rows)
			}
		}
	}
	if err := m.Predict(nil, nil); err != nil {
		t.Errorf("Predict of no rows: %v", err)
	}
}

func TestPredictAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool drop what it holds")
	}
	for _, name := range []string{"fraud_model_v2", "multiclass", "category_wide", "missing_zero", "continued", "rf_multiclass"} {
		m, want := open(t, name), readExpected(t, name)
		dst := make([]float64, len(want.scores))
		if n := testing.AllocsPerRun(20, func() { _ = m.Predict(dst, want.rows) }); n != 0 {
			t.Errorf("%s: Predict allocates %v times a batch", name, n)
		}
	}
}

func TestPredictLeavesRowsAlone(t *testing.T) {
	m, want := open(t, "continued"), readExpected(t, "continued")
	before := append([]float64(nil), want.rows...)
	if err := m.Predict(make([]float64, len(want.scores)), want.rows); err != nil {
		t.Fatal(err)
	}
	agree(t, "input", want.rows, before, 0)
}

func TestInfo(t *testing.T) {
	got := open(t, "multiclass").Info()
	want := Info{
		Format: "lightgbm v4", Objective: "multiclass num_class:3", Engine: "leaves",
		Features: 5, Outputs: 3, Trees: 12, Leaves: 96,
	}
	if got != want {
		t.Errorf("Info() = %+v, want %+v", got, want)
	}
	if n := open(t, "fraud_model_v2").Info().Trees; n != 100 {
		t.Errorf("fraud_model_v2 has %d trees, want 100", n)
	}
}

// BenchmarkPredict scores the demo's model; the later engine's benchmark takes its place.
func BenchmarkPredict(b *testing.B) {
	m, want := open(b, "fraud_model_v2"), readExpected(b, "fraud_model_v2")
	for _, batch := range []int{1, 64} {
		b.Run("engine=leaves/model=fraud/batch="+strconv.Itoa(batch), func(b *testing.B) {
			b.ReportAllocs()
			rows, dst := want.rows[:batch*m.Features()], make([]float64, batch)
			for b.Loop() {
				if err := m.Predict(dst, rows); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/row")
		})
	}
}
