package scoring

import (
	"errors"
	"fmt"
	"sync"
	"testing"
)

// batches are numbers of rows beside those at which layouts change hands or blocks end.
var batches = []int{2, 15, 16, 23, 24, 63, 64, 65, 512, 600}

// TestBatchIsSingle holds that a row's margins and scores are the same bits alone, in a batch of any size, and
// in two goroutines at once (which the race detector watches), and that nothing is written but them.
func TestBatchIsSingle(t *testing.T) {
	for _, file := range modelFiles(t) {
		t.Run(file, func(t *testing.T) {
			for _, engine := range Engines() {
				sizes := batches
				if engine != EngineCompiled {
					sizes = []int{2, 65} // They take one row after the other.
				}
				m, err := Open(readModel(t, file), Options{Engine: engine})
				if errors.Is(err, errBeyondLeaves) {
					continue
				}
				if err != nil {
					t.Fatal(err)
				}
				rows := repeated(readExpected(t, file).rows, m.Features(), sizes[len(sizes)-1])
				raws := newSingles(t, m.PredictRaw, rows, m.Features(), m.Margins())
				scores := newSingles(t, m.Predict, rows, m.Features(), m.Outputs())
				var wg sync.WaitGroup
				wg.Go(func() {
					for _, n := range sizes {
						raws.batch(t, engine+": margin", n)
					}
				})
				wg.Go(func() {
					for _, n := range []int{65, 2} {
						scores.batch(t, engine+": score", n)
						raws.batch(t, engine+": margin", n)
					}
				})
				wg.Wait()
			}
		})
	}
}

// repeated is rows, over and over, until there are n.
func repeated(rows []float64, features, n int) []float64 {
	whole := make([]float64, 0, n*features)
	for len(whole) < n*features {
		whole = append(whole, rows[:min(len(rows), n*features-len(whole))]...)
	}
	return whole
}

// singles are rows and what predict makes of each alone.
type singles struct {
	predict    func(dst, rows []float64) error
	rows, want []float64
	in, out    int
}

func newSingles(t *testing.T, predict func(dst, rows []float64) error, rows []float64, in, out int) *singles {
	t.Helper()
	s := &singles{predict: predict, rows: rows, in: in, out: out, want: make([]float64, len(rows)/in*out)}
	for i := range len(rows) / in {
		if err := predict(s.want[i*out:(i+1)*out], rows[i*in:(i+1)*in]); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

// batch predicts the last n rows together, into the midst of a slice that is not clean.
func (s *singles) batch(t *testing.T, what string, n int) {
	const before, behind, dirt = 3, 70, -12345.678
	whole := make([]float64, before+n*s.out+behind)
	for i := range whole {
		whole[i] = dirt
	}
	dst := whole[before:][:n*s.out] // Its capacity reaches beyond its length.
	if err := s.predict(dst, s.rows[len(s.rows)-n*s.in:]); err != nil {
		t.Error(err)
		return
	}
	// Not agree, which would end the test from a goroutine that is not its own.
	for i, want := range s.want[len(s.want)-n*s.out:] {
		if !same(dst[i], want) {
			t.Errorf("%s of row %d of %d = %v, alone it is %v", what, i/s.out, n, dst[i], want)
			return
		}
	}
	for i, v := range whole {
		if (i < before || i >= before+len(dst)) && v != dirt {
			t.Errorf("%s of %d rows: written %d places beside dst", what, n, i-before)
			return
		}
	}
}

// TestTwoAtOnce has two goroutines predict rows of their own with one engine, row by row and all together, for
// long enough that they meet.
func TestTwoAtOnce(t *testing.T) {
	d := newDice(1, nil)
	p := newPlan(d)
	p.features, p.outputs, p.trees, p.leaves, p.categorical = 12, 1, [2]int{20, 20}, [2]int{20, 60}, 0.3
	f := p.newForest(t, d)
	in := len(f.features)
	for _, e := range enginesOf(t, f) {
		var wg sync.WaitGroup
		for range 2 {
			rows := newRowDice(f).rows(d, 100)
			want, got := make([]float64, 100), make([]float64, 100)
			for r := range want {
				f.margins(want[r:r+1], nil, rows[r*in:(r+1)*in])
			}
			wg.Go(func() {
				for range 200 {
					for _, n := range []int{1, 100} {
						for r := 0; r < len(want); r += n {
							if err := e.margins(got[r:r+n], rows[r*in:(r+n)*in]); err != nil {
								t.Error(err)
							}
						}
						for r := range want {
							if !same(got[r], want[r]) {
								t.Errorf("%s: margin of row %d is %v, want %v", e.layout(), r, got[r], want[r])
								return
							}
						}
					}
				}
			})
		}
		wg.Wait()
	}
}

// allocating are models of all kinds of forests and links, beside those that the layouts ask for.
var allocating = []string{
	"fraud_model_v2.txt", "multiclass.txt", "category_wide.txt", "category_many.txt", "missing_zero.txt", "continued.txt",
	"rf_multiclass.txt", "deep.txt", "wide.txt", "linear_multiclass.txt", "no_trees.txt",
	"xgboost_logistic.json", "xgboost_softmax.json", "xgboost_softprob.json", "xgboost_deep.ubj", "xgboost_wide.ubj",
	"xgboost_category_partition.json", "xgboost_vector.json", "xgboost_gblinear.json", "xgboost_quantiles.ubj",
	"xgboost_3_4_1_quantiles.json", "xgboost_3_4_1_expectiles.json",
}

func TestPredictAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes sync.Pool drop what it holds")
	}
	for _, file := range allocating {
		for _, engine := range Engines() {
			m, err := Open(readModel(t, file), Options{Engine: engine})
			if errors.Is(err, errBeyondLeaves) {
				continue
			}
			if err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			rows := readExpected(t, file).rows
			for _, n := range []int{1, 20, 90} {
				t.Run(fmt.Sprintf("%s/%s/%d", file, engine, n), func(t *testing.T) {
					rows, dst := rows[:n*m.Features()], make([]float64, n*m.Outputs())
					if n := testing.AllocsPerRun(20, func() { _ = m.Predict(dst, rows) }); n != 0 {
						t.Errorf("Predict allocates %v times", n)
					}
				})
			}
		}
	}
}
