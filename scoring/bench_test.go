package scoring

import (
	"compress/gzip"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"testing"
)

// benchModels are the models of BenchmarkPredict: 100 trees × 31 leaves × 5 features, 500 × 64 × 30 and
// 1000 × 255 × 100, trained by testdata/bench/train.py.
var benchModels = []string{"small", "medium", "large"}

func readBenchModel(tb testing.TB, name string) []byte {
	tb.Helper()
	file, err := os.Open("../testdata/bench/" + name + ".txt.gz")
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		tb.Fatal(err)
	}
	data, err := io.ReadAll(unpacked)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

// benchRows makes rows that are spread as the training's were: every value is one of its feature's
// thresholds, which lie at quantiles, and 5 % are missing.
func benchRows(f *forest, n int) []float64 {
	b := newBins(f)
	rng := rand.New(rand.NewPCG(1, 2))
	rows := make([]float64, n*len(f.features))
	for i := range n {
		row := rows[i*len(f.features) : (i+1)*len(f.features)]
		for _, c := range b.cuts {
			row[c.feature] = c.values[rng.IntN(len(c.values))]
		}
		for k := range row {
			if rng.IntN(20) == 0 {
				row[k] = math.NaN()
			}
		}
	}
	return rows
}

// BenchmarkPredict times Predict alone: 4096 rows, so that no branch predictor learns them, in batches.
func BenchmarkPredict(b *testing.B) {
	for _, engine := range []string{EngineCompiled, EngineLeaves} {
		for _, name := range benchModels {
			m, err := Open(readBenchModel(b, name), Options{Engine: engine})
			if err != nil {
				b.Fatal(err)
			}
			rows := benchRows(m.forest, 4096)
			for _, batch := range []int{1, 64, 512} {
				b.Run(fmt.Sprintf("engine=%s/model=%s/batch=%d", engine, name, batch), func(b *testing.B) {
					in, dst := m.Features(), make([]float64, batch*m.Outputs())
					b.ReportAllocs()
					if err := m.Predict(dst, rows[:batch*in]); err != nil { // What calls need for themselves is pooled.
						b.Fatal(err)
					}
					at := 0
					for b.Loop() {
						if err := m.Predict(dst, rows[at*in:(at+batch)*in]); err != nil {
							b.Fatal(err)
						}
						at = (at + batch) % 4096
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batch), "ns/row")
					b.ReportMetric(0, "ns/op")
				})
			}
		}
	}
}
