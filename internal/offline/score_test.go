package offline

import (
	"bufio"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"millrace/scoring"
)

const models = "../../testdata/models/"

func openModel(t *testing.T, name string) *scoring.Model {
	t.Helper()
	data, err := os.ReadFile(models + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	m, err := scoring.Open(data)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func score(t *testing.T, m *scoring.Model, input, format string, opts Options) (string, error) {
	t.Helper()
	var out bytes.Buffer
	err := Score(t.Context(), m, nil, strings.NewReader(input), format, &out, opts)
	return out.String(), err
}

// line is what Score writes.
type line struct {
	Score  *float64  `json:"score"`
	Scores []float64 `json:"scores"`
}

// TestExpectedFiles scores the committed expectations as they stand, as CSV and as three forms of
// NDJSON, and compares with what LightGBM wrote beside the rows.
func TestExpectedFiles(t *testing.T) {
	for _, name := range []string{"fraud_model_v2", "fraud_model_v3", "multiclass", "category_wide", "missing_zero", "names", "one_feature"} {
		m := openModel(t, name)
		data, err := os.ReadFile(models + name + ".expected.csv")
		if err != nil {
			t.Fatal(err)
		}
		table, err := csv.NewReader(bytes.NewReader(data)).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, raw := range []bool{false, true} {
			first := m.Features()
			if !raw {
				first += m.Outputs()
			}
			want := table[1:]
			compare(t, name+" csv", m, string(data), raw, want, first)
			// JSON has no infinities: those rows stay out.
			var finite [][]string
			forms := [3]strings.Builder{}
			for _, row := range want {
				if strings.Contains(strings.Join(row[:m.Features()], " "), "inf") {
					continue
				}
				finite = append(finite, row)
				for form := range forms {
					forms[form].WriteString(asJSON(t, m.FeatureNames(), row, form) + "\n")
				}
			}
			for form := range forms {
				compare(t, fmt.Sprintf("%s ndjson %d", name, form), m, forms[form].String(), raw, finite, first)
			}
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

func compare(t *testing.T, what string, m *scoring.Model, input string, raw bool, want [][]string, first int) {
	t.Helper()
	out, err := score(t, m, input, Detect, Options{Raw: raw})
	if err != nil {
		t.Errorf("%s: %v", what, err)
		return
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != len(want) {
		t.Errorf("%s: %d lines for %d rows", what, len(lines), len(want))
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
		if len(got.Scores) != m.Outputs() {
			t.Fatalf("%s: %q has not %d scores", what, text, m.Outputs())
		}
		for k, v := range got.Scores {
			w, err := strconv.ParseFloat(want[i][first+k], 64)
			if err != nil {
				t.Fatal(err)
			}
			if d := v - w; d > 1e-12 || d < -1e-12 {
				t.Fatalf("%s: row %d: %v, want %v", what, i, v, w)
			}
		}
	}
}

func TestColumnsMatchByName(t *testing.T) {
	m := openModel(t, "fraud_model_v2")
	plain, err := score(t, m, "amount,merchant_category,tx_count_1h,avg_amount_1h,unique_merchants_1h\n120.5,3,4,,2\n", CSV, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, input := range map[string]string{
		"shuffled, more columns": "id,unique_merchants_1h,tx_count_1h,amount,avg_amount_1h,merchant_category\n\"a,b\",2,4,120.5,\"\",3\n",
		"quoted, spaced, marked": "\xef\xbb\xbf\"amount\", merchant_category,tx_count_1h,avg_amount_1h,unique_merchants_1h\r\n\"120.5\", 3 ,4,,2\r\n",
		"blank lines":            "\namount,merchant_category,tx_count_1h,avg_amount_1h,unique_merchants_1h\n\n120.5,3,4,,2\n\n",
	} {
		if got, err := score(t, m, input, Detect, Options{}); err != nil || got != plain {
			t.Errorf("%s: %q, %v, want %q", name, got, err, plain)
		}
	}
	// Column_0 … say nothing: columns by position, whatever they are called.
	if _, err := score(t, openModel(t, "binary"), "a,b,c,d,e\n1,2,3,4,5\n", CSV, Options{}); err != nil {
		t.Error(err)
	}
}

func TestRefusedRows(t *testing.T) {
	fraud, binary, one := openModel(t, "fraud_model_v2"), openModel(t, "binary"), openModel(t, "one_feature")
	const header = "amount,merchant_category,tx_count_1h,avg_amount_1h,unique_merchants_1h\n"
	for _, c := range []struct {
		name   string
		model  *scoring.Model
		format string
		input  string
		want   string
		rows   int // Written before the error.
	}{
		{"empty", fraud, CSV, "", "the CSV is empty", 0},
		{"column missing", fraud, CSV, "amount\n1\n", `no column "merchant_category", which the model needs`, 0},
		{"column twice", fraud, CSV, "amount," + header + "1,1,1,1,1,1\n", `column "amount" stands twice`, 0},
		{"no header", binary, CSV, "1,2,3,4,5\n", "line 1 holds numbers", 0},
		{"position, too few", binary, CSV, "a,b,c,d\n1,2,3,4\n", "4 columns for 5 features", 0},
		{"position, too many", binary, CSV, "a,b,c,d,e,f\n1,2,3,4,5,6\n", "6 columns for 5 features", 0},
		{"text", fraud, CSV, header + "1,1,1,1,1\n2,NA,1,1,1\n", `line 3, column 3: merchant_category: "NA" is not a number`, 1},
		{"hexadecimal", fraud, CSV, header + "0x10,1,1,1,1\n", `"0x10" is not a number`, 0},
		{"beyond", fraud, CSV, header + "1e999,1,1,1,1\n", "1e999 is beyond a 64-bit float", 0},
		{"short row", fraud, CSV, header + "1,1,1,1,1\n1,1\n", "line 3: wrong number of fields", 1},
		{"open quote", fraud, CSV, header + "\"1,1,1,1,1\n", "read CSV", 0},
		{"blank cell of one", one, CSV, "Column_0\n1\n\n2\n", "line 3 is blank", 1},
		{"no feature", fraud, NDJSON, `{"amount":1}`, `line 1: no feature "merchant_category"; write null`, 0},
		{"text value", fraud, NDJSON, `{"amount":"1","merchant_category":1,"tx_count_1h":1,"avg_amount_1h":1,"unique_merchants_1h":1}`, `feature "amount" is a string`, 0},
		{"text in values", fraud, NDJSON, `{"values":{"amount":true}}`, `feature "amount" is a true, want a number`, 0},
		{"short array", fraud, NDJSON, "[1,2,3,4,5]\n\n[1,2,3,4]", "line 3: 4 values for a model of 5 features", 1},
		{"long array", fraud, NDJSON, `{"values":[1,2,3,4,5,6]}`, "more than 5 values", 0},
		{"beyond in JSON", fraud, NDJSON, "[1e999,2,3,4,5]", "1e999 is beyond", 0},
		{"key twice", fraud, NDJSON, `{"amount":1,"amount":2}`, `duplicate`, 0},
		{"cut", fraud, NDJSON, "[1,2,3,4,5]\n[1,2", "line 2:", 1},
		{"cut object", fraud, NDJSON, `{"amount":1,`, "line 1:", 0},
		{"two values", fraud, NDJSON, "[1,2,3,4,5] [1,2,3,4,5]", "more than one JSON value", 0},
		{"junk", fraud, NDJSON, "[1,2,3,4,5]x", "more than one JSON value", 0},
		{"number", fraud, NDJSON, "5", "neither an object nor an array", 0},
		{"format", fraud, "xml", "", `format "xml" is not known`, 0},
	} {
		out, err := score(t, c.model, c.input, c.format, Options{})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", c.name, err, c.want)
		}
		if n := strings.Count(out, "\n"); n != c.rows {
			t.Errorf("%s: %d lines before the error, want %d", c.name, n, c.rows)
		}
	}
}

func TestScoreThatIsNoNumber(t *testing.T) {
	m := overflowing(t)
	if out, err := score(t, m, "[-1]", Detect, Options{}); err == nil || !strings.Contains(err.Error(), "row 1: its score is +Inf") || out != "" {
		t.Errorf("%q, %v", out, err)
	}
	if out, err := score(t, m, "[-1]", Detect, Options{Raw: true}); err != nil || out != "{\"score\":1000}\n" {
		t.Errorf("%q, %v", out, err)
	}
}

// TestServedValuesWin holds that a served-features record's values are the row, even where another key
// has a feature's name, before or after them.
func TestServedValuesWin(t *testing.T) {
	m := openModel(t, "fraud_model_v2")
	want, err := score(t, m, "[120.5,3,4,null,2]", NDJSON, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range []string{
		`{"values":[120.5,3,4,null,2],"amount":1}`,
		`{"amount":1,"values":[120.5,3,4,null,2]}`,
		`{"amount":"x","values":{"unique_merchants_1h":2,"amount":120.5,"merchant_category":3,"tx_count_1h":4,"avg_amount_1h":null},"amount2":{}}`,
	} {
		if got, err := score(t, m, record, Detect, Options{}); err != nil || got != want {
			t.Errorf("%s: %q, %v, want %q", record, got, err, want)
		}
	}
}

// TestRowsAreCounted holds that the row named in an error is counted over all batches.
func TestRowsAreCounted(t *testing.T) {
	rows := strings.Repeat("[1]\n", 700)
	out, err := score(t, overflowing(t), rows+"[-1]\n", NDJSON, Options{})
	if err == nil || !strings.Contains(err.Error(), "row 701: its score is +Inf") || strings.Count(out, "\n") != 700 {
		t.Errorf("%d lines, %v", strings.Count(out, "\n"), err)
	}
}

// overflowing is a model whose score is 1 for values above 0 and +Inf below.
func overflowing(t *testing.T) *scoring.Model {
	t.Helper()
	m, err := scoring.Open([]byte("tree\nversion=v4\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=0\nobjective=poisson\n" +
		"feature_names=a\n\nTree=0\nnum_leaves=2\nnum_cat=0\nsplit_feature=0\nthreshold=0\ndecision_type=2\nleft_child=-1\n" +
		"right_child=-2\nleaf_value=1000 0\n\nend of trees\n"))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestEngineAndNames(t *testing.T) {
	m := openModel(t, "binary")
	if _, err := score(t, m, "[1,1,1,1,1]", NDJSON, Options{Engine: "leaves"}); err != nil {
		t.Error(err)
	}
	if _, err := score(t, m, "[1,1,1,1,1]", NDJSON, Options{Engine: "compiled"}); err == nil || !strings.Contains(err.Error(), `engine "compiled" is not available`) {
		t.Errorf("%v", err)
	}
	var out bytes.Buffer
	named := `{"v":1,"w":2,"x":3,"y":4,"z":null}`
	if err := Score(t.Context(), m, []string{"v", "w", "x", "y", "z"}, strings.NewReader(named), NDJSON, &out, Options{}); err != nil {
		t.Error(err)
	}
	if err := Score(t.Context(), m, []string{"v"}, strings.NewReader(named), NDJSON, &out, Options{}); err == nil {
		t.Error("one name for five features was taken")
	}
}

// brokenPipe is a reader that has gone away.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestScoreStops(t *testing.T) {
	m := openModel(t, "one_feature")
	if err := Score(t.Context(), m, nil, strings.NewReader("[1]\n"), NDJSON, brokenPipe{}, Options{}); err == nil || !strings.Contains(err.Error(), "write scores: broken pipe") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	endless := bufio.NewReader(&repeat{text: "[1]\n", times: 1 << 40})
	if err := Score(ctx, m, nil, endless, NDJSON, io.Discard, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
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

// TestMillionRows holds that memory does not grow with the input and that no row is lost.
func TestMillionRows(t *testing.T) {
	m := openModel(t, "one_feature")
	for _, c := range []struct {
		format, header, row string
		rows                int
	}{
		{CSV, "Column_0\n", "1.25\n", 1_000_000},
		{NDJSON, "", "{\"Column_0\":1.25}\n", 200_000},
	} {
		if testing.Short() {
			c.rows /= 10
		}
		in := io.MultiReader(strings.NewReader(c.header), &repeat{text: c.row, times: c.rows})
		out := &peak{}
		runtime.GC()
		if err := Score(t.Context(), m, nil, in, Detect, out, Options{}); err != nil {
			t.Fatal(err)
		}
		if out.lines != c.rows {
			t.Errorf("%s: %d lines for %d rows", c.format, out.lines, c.rows)
		}
		if out.most > 64<<20 {
			t.Errorf("%s: the heap grew to %d bytes", c.format, out.most)
		}
	}
}

// peak counts lines and now and then looks at the heap.
type peak struct {
	lines, calls int
	most         uint64
}

func (p *peak) Write(b []byte) (int, error) {
	p.lines += bytes.Count(b, []byte{'\n'})
	if p.calls++; p.calls%64 == 0 {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		p.most = max(p.most, stats.HeapAlloc)
	}
	return len(b), nil
}
