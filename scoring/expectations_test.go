package scoring

import (
	"encoding/csv"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// models holds the committed models and what their libraries predict (testdata/README.md).
const models = "../testdata/models"

// modelFiles lists the committed models that Open has to take, by file name.
func modelFiles(t testing.TB) []string {
	t.Helper()
	entries, err := os.ReadDir(models)
	if err != nil {
		t.Fatal(err)
	}
	var files []string
	for _, entry := range entries {
		name := entry.Name()
		if !strings.HasSuffix(name, ".expected.csv") && refusals[name] == "" {
			files = append(files, name)
		}
	}
	return files
}

// fromXGBoost says whose model a file is; XGBoost's begin with its name.
func fromXGBoost(file string) bool { return strings.HasPrefix(file, "xgboost_") }

func readModel(t testing.TB, file string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(models, file))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func open(t testing.TB, file string) *Model {
	t.Helper()
	return openWith(t, file, EngineCompiled)
}

func openWith(t testing.TB, file, engine string) *Model {
	t.Helper()
	m, err := Open(readModel(t, file), Options{Engine: engine})
	if err != nil {
		t.Fatalf("Open(%s): %v", file, err)
	}
	return m
}

// expectation is one NAME.expected.csv: rows, and what the library that wrote the model makes of them.
type expectation struct {
	names              []string
	rows, raws, scores []float64
}

// readExpected reads the expectation of a model file, or of a model's bare name.
func readExpected(t testing.TB, file string) expectation {
	t.Helper()
	name := strings.TrimSuffix(file, filepath.Ext(file))
	data, err := os.Open(filepath.Join(models, name+".expected.csv"))
	if err != nil {
		t.Fatal(err)
	}
	defer data.Close()
	table, err := csv.NewReader(data).ReadAll()
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	e := expectation{}
	kinds := make([]*[]float64, len(table[0]))
	for i, column := range table[0] {
		switch {
		case strings.HasPrefix(column, "raw_"):
			kinds[i] = &e.raws
		case strings.HasPrefix(column, "score_"):
			kinds[i] = &e.scores
		default:
			kinds[i], e.names = &e.rows, append(e.names, column)
		}
	}
	for _, line := range table[1:] {
		for i, cell := range line {
			v := math.NaN()
			if cell != "" {
				if v, err = strconv.ParseFloat(cell, 64); err != nil {
					t.Fatalf("%s: %v", file, err)
				}
			}
			*kinds[i] = append(*kinds[i], v)
		}
	}
	return e
}

// same says whether two numbers are the same bits. One NaN is as good as another.
func same(a, b float64) bool {
	return math.Float64bits(a) == math.Float64bits(b) || math.IsNaN(a) && math.IsNaN(b)
}

// agree compares with a relative tolerance; 0 asks for the same bits.
func agree(t testing.TB, what string, got, want []float64, tolerance float64) {
	t.Helper()
	compare(t, what, got, want, func(got, want float64) bool {
		return same(got, want) || tolerance > 0 && math.Abs(got-want) <= tolerance*math.Abs(want)
	})
}

// compare reports the first numbers that differ, and how many do.
func compare(t testing.TB, what string, got, want []float64, equal func(got, want float64) bool) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%s: %d numbers, want %d", what, len(got), len(want))
	}
	bad := 0
	for i := range want {
		if !equal(got[i], want[i]) {
			if bad++; bad <= 3 {
				t.Errorf("%s %d = %v, want %v", what, i, got[i], want[i])
			}
		}
	}
	if bad > 3 {
		t.Errorf("%s: %d of %d differ", what, bad, len(want))
	}
}
