package offline

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"millrace/scoring"
)

const models = "../../testdata/models/"

func openFile(t testing.TB, file string) *scoring.Model {
	t.Helper()
	data, err := os.ReadFile(models + file)
	if err != nil {
		t.Fatal(err)
	}
	m, err := scoring.Open(data, scoring.Options{})
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return m
}

func openModel(t testing.TB, name string) *scoring.Model {
	t.Helper()
	return openFile(t, name+".txt")
}

func score(t *testing.T, m *scoring.Model, input, format string, opts Options) (string, error) {
	t.Helper()
	var out bytes.Buffer
	opts.Format = format
	err := Score(t.Context(), m, strings.NewReader(input), &out, opts)
	return out.String(), err
}

// line is what Score writes.
type line struct {
	Score  *float64  `json:"score"`
	Scores []float64 `json:"scores"`
}

// TestExpectedFiles scores the committed expectations as they stand, as CSV and as three forms of
// NDJSON, and compares with what the training library wrote beside the rows: in float64 LightGBM, in
// float32 XGBoost. The softmax model has three margins and one score a row.
func TestExpectedFiles(t *testing.T) {
	for file, tolerance := range map[string]float64{
		"fraud_model_v2.txt": 1e-12, "fraud_model_v3.txt": 1e-12, "multiclass.txt": 1e-12, "category_wide.txt": 1e-12,
		"missing_zero.txt": 1e-12, "names.txt": 1e-12, "one_feature.txt": 1e-12,
		"xgboost_softmax.json": 1e-6, "xgboost_names.ubj": 1e-6,
	} {
		m := openFile(t, file)
		data, err := os.ReadFile(models + strings.TrimSuffix(file, filepath.Ext(file)) + ".expected.csv")
		if err != nil {
			t.Fatal(err)
		}
		table, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		e := expectation{model: m, tolerance: tolerance}
		for i, column := range table[0] {
			switch {
			case i < m.Features():
			case strings.HasPrefix(column, "raw_"):
				e.raw = append(e.raw, i)
			case strings.HasPrefix(column, "score_"):
				e.scores = append(e.scores, i)
			}
		}
		e.rows = table[1:]
		e.compare(t, file+" csv", string(data))
		// JSON has no infinities: those rows stay out.
		finite := e
		finite.rows = nil
		forms := [3]strings.Builder{}
		for _, row := range e.rows {
			if strings.Contains(strings.Join(row[:m.Features()], " "), "inf") {
				continue
			}
			finite.rows = append(finite.rows, row)
			for form := range forms {
				forms[form].WriteString(asJSON(t, m.FeatureNames(), row, form) + "\n")
			}
		}
		for form := range forms {
			finite.compare(t, fmt.Sprintf("%s ndjson %d", file, form), forms[form].String())
		}
	}
}

func asJSON(t *testing.T, names, row []string, form int) string {
	t.Helper()
	object, array := map[string]any{}, []any{}
	for i, name := range names {
		var v any
		if row[i] != "" {
			v = json.Number(row[i])
		}
		object[name] = v
		array = append(array, v)
	}
	var value any = object
	switch form {
	case 1:
		value = array
	case 2:
		value = map[string]any{"id": 7, "model": "v2", "amount": "a trap", "values": object, "score": 0.5, "status": []string{"present"}}
	}
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// expectation is a model's rows, and in which columns their margins and scores stand.
type expectation struct {
	model       *scoring.Model
	tolerance   float64
	rows        [][]string
	raw, scores []int
}

func (e *expectation) compare(t *testing.T, what, input string) {
	t.Helper()
	for raw, columns := range map[bool][]int{true: e.raw, false: e.scores} {
		out, err := score(t, e.model, input, Detect, Options{Raw: raw})
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
		if len(lines) != len(e.rows) {
			t.Errorf("%s: %d lines for %d rows", what, len(lines), len(e.rows))
			return
		}
		for i, text := range lines {
			var got line
			if err := json.Unmarshal([]byte(text), &got); err != nil {
				t.Fatalf("%s: %q: %v", what, text, err)
			}
			if got.Score != nil {
				got.Scores = append(got.Scores, *got.Score)
			}
			if len(columns) == 0 || len(got.Scores) != len(columns) || (got.Score != nil) != (len(columns) == 1) {
				t.Fatalf("%s: %q has not %d numbers", what, text, len(columns))
			}
			for k, v := range got.Scores {
				w, err := strconv.ParseFloat(e.rows[i][columns[k]], 64)
				if err != nil {
					t.Fatal(err)
				}
				if !(math.Abs(v-w) <= e.tolerance*max(1, math.Abs(w))) {
					t.Fatalf("%s, raw %t: row %d: %v, want %v", what, raw, i, v, w)
				}
			}
		}
	}
}

func TestScoreThatIsNoNumber(t *testing.T) {
	m := overflowing(t)
	if out, err := score(t, m, "[-1]\n[1]", Detect, Options{}); err != nil || out != "{\"score\":null}\n{\"score\":1}\n" {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := score(t, m, "[-1]", Detect, Options{Raw: true}); err != nil || out != "{\"score\":1000}\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// TestRowsAreCounted holds that the row named in an error is counted over all batches.
func TestRowsAreCounted(t *testing.T) {
	rows := strings.Repeat("[1]\n", 700)
	out, err := score(t, overflowing(t), rows+"[1,2]\n", NDJSON, Options{})
	if err == nil || !strings.Contains(err.Error(), "701") || strings.Count(out, "\n") != 700 {
		t.Errorf("%d lines, %v", strings.Count(out, "\n"), err)
	}
}

// overflowing is a model whose score is 1 for values above 0 and +Inf below.
func overflowing(t *testing.T) *scoring.Model {
	t.Helper()
	m, err := scoring.Open([]byte("tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=poisson\n"+
		"feature_names=a\n\nTree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nthreshold=0\ndecision_type=2\nleft_child=-1\n"+
		"right_child=-2\nleaf_value=1000 0\n\nend of trees\n"), scoring.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestNames(t *testing.T) {
	m := openModel(t, "binary")
	names := []string{"v", " w", "w", "y", "z"}
	want, err := score(t, m, "[1,2,3,4,null]", NDJSON, Options{})
	if err != nil {
		t.Fatal(err)
	}
	const named = `{"v":1,"w":3," w":2,"y":4,"z":null}`
	for _, input := range []string{named, "z, w, v,y,w\n,2,1,4,3\n"} {
		if got, err := score(t, m, input, Detect, Options{Names: names}); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", input, got, err, want)
		}
	}
	if _, err := score(t, m, named, NDJSON, Options{Names: []string{"v"}}); err == nil {
		t.Error("one name for five features was taken")
	}
}

// repeat reads as text, times over.
type repeat struct {
	text  string
	times int
	at    int
}

func (r *repeat) Read(p []byte) (int, error) {
	n := 0
	for n < len(p) && r.times > 0 {
		k := copy(p[n:], r.text[r.at:])
		n += k
		if r.at += k; r.at == len(r.text) {
			r.at = 0
			r.times--
		}
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

// TestWideRows holds that a model of many features makes batches of few rows.
func TestWideRows(t *testing.T) {
	const features = 100_000
	var names, row strings.Builder
	for i := range features {
		fmt.Fprintf(&names, " x%d", i)
		row.WriteString(",1")
	}
	m, err := scoring.Open([]byte("tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=99999\nobjective=regression\n"+
		"feature_names="+names.String()[1:]+"\n\nTree=0\nnum_leaves=1\nnum_cat=0\nleaf_value=7\n\nend of trees\n"), scoring.Options{})
	if err != nil {
		t.Fatal(err)
	}
	line := "[" + row.String()[1:] + "]\n"
	out, err := score(t, m, strings.Repeat(line, 100), NDJSON, Options{})
	if err != nil || out != strings.Repeat("{\"score\":7}\n", 100) {
		t.Errorf("%.100q, %v", out, err)
	}
	if n := len(newBatch(m, false, io.Discard).rows); n != batchValues/features*features {
		t.Errorf("a batch holds %d values, want at most %d", n, batchValues)
	}
}

// TestMillionRows holds that memory does not grow with the input and that no row is lost.
func TestMillionRows(t *testing.T) {
	m := openModel(t, "one_feature")
	for _, c := range []struct {
		format, header, row string
		allocations         float64 // A row.
	}{
		{CSV, "Column_0,id\n", "1.25,\"a\"\n", 1}, // The row's text, which its cells share.
		{NDJSON, "", "{\"Column_0\":1.25,\"id\":\"a\"}\n", 0},
	} {
		rows := 1_000_000
		if testing.Short() {
			rows /= 10
		}
		in := io.MultiReader(strings.NewReader(c.header), &repeat{text: c.row, times: rows})
		out := &liveHeap{}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		if err := Score(t.Context(), m, in, out, Options{}); err != nil {
			t.Fatal(err)
		}
		runtime.ReadMemStats(&after)
		if n := float64(after.Mallocs-before.Mallocs) / float64(rows); n > c.allocations+0.01 {
			t.Errorf("%s: %.3f allocations a row, want %v", c.format, n, c.allocations)
		}
		if out.lines != rows {
			t.Errorf("%s: %d lines for %d rows", c.format, out.lines, rows)
		}
		if len(out.samples) < 4 {
			t.Fatalf("%s: the heap was looked at %d times", c.format, len(out.samples))
		}
		if first, last := out.samples[0], out.samples[len(out.samples)-1]; last > first+128<<10 {
			t.Errorf("%s: what is live on the heap grew from %d to %d bytes", c.format, first, last)
		}
	}
}

// liveHeap counts lines and now and then what is live on the heap.
type liveHeap struct {
	lines, calls int
	samples      []uint64
}

func (h *liveHeap) Write(b []byte) (int, error) {
	h.lines += bytes.Count(b, []byte{'\n'})
	if h.calls++; h.calls%8 == 0 {
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		h.samples = append(h.samples, stats.HeapAlloc)
	}
	return len(b), nil
}

// BenchmarkScore times a row of five features: with a model of one leaf it is the formats alone.
func BenchmarkScore(b *testing.B) {
	for _, model := range []string{"constant", "binary"} {
		m := openModel(b, model)
		for _, c := range []struct{ name, header, row string }{
			{"csv", "a,b,c,d,e\n", "%v,%d,%d,%v,%d\n"},
			{"object", "", `{"Column_0":%v,"Column_1":%d,"Column_2":%d,"Column_3":%v,"Column_4":%d}` + "\n"},
			{"array", "", "[%v,%d,%d,%v,%d]\n"},
		} {
			const rows = 1000
			var text strings.Builder
			for i := range rows {
				fmt.Fprintf(&text, c.row, float64(i*7919%100_000)/100, i%20, i%12, float64(i*7907%1_000_000)/1e4, i%6)
			}
			b.Run("model="+model+"/rows="+c.name, func(b *testing.B) {
				b.ReportAllocs()
				in := io.MultiReader(strings.NewReader(c.header), &repeat{text: text.String(), times: b.N/rows + 1})
				if err := Score(b.Context(), m, in, io.Discard, Options{}); err != nil {
					b.Fatal(err)
				}
			})
		}
	}
}
