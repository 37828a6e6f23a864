package offline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"testing/synctest"

	"millrace/scoring"
)

func TestColumnsMatchByName(t *testing.T) {
	m := openModel(t, "fraud_model_v2")
	plain, err := score(t, m, "amount,merchant_category,tx_count_1h,avg_amount_1h,unique_merchants_1h\n120.5,3,4,,2\n", CSV, Options{})
	if err != nil {
		t.Fatal(err)
	}
	for name, input := range map[string]string{
		"shuffled, more columns": "id,unique_merchants_1h,tx_count_1h,amount,avg_amount_1h,merchant_category\n\"a,b\",2,4,120.5,\"\",3\n",
		"quoted, spaced, marked": "\xef\xbb\xbf\"amount\", merchant_category,tx_count_1h,avg_amount_1h,unique_merchants_1h\r\n\"120.5\", 3 ,4,,2\r\n",
		"marked JSON":            "\xef\xbb\xbf[120.5,3,4,null,2]\r\n\r\n",
		"escaped keys":           `{"amo\u0075nt":120.5,"merchant_category":3,"tx_count_1h":4,"avg_amount_1h":null,"unique_merchants_1h":2}`,
		"blank lines":            "\namount,merchant_category,tx_count_1h,avg_amount_1h,unique_merchants_1h\n\n120.5,3,4,,2\n\n",
	} {
		if got, err := score(t, m, input, Detect, Options{}); err != nil || got != plain {
			t.Errorf("%s: %q, %v, want %q", name, got, err, plain)
		}
	}
	// Column_0 … say nothing: columns by position, whatever they are called.
	for _, header := range []string{"a,b,c,d,e", "V01,V02,V03,V04,V05", "V1,V3,V9,V10,V11", "f0,f1,f2,f3,f4"} {
		if _, err := score(t, openModel(t, "binary"), header+"\n1,2,3,4,5\n", CSV, Options{}); err != nil {
			t.Error(err)
		}
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
		{"position, numbered otherwise", binary, CSV, "f4, f3, f2, f1, f0\n1,2,3,4,5\n", "numbers do not rise", 0},
		{"position, numbered twice", binary, CSV, "x1,x1,x2,x3,x4\n1,2,3,4,5\n", "numbers do not rise", 0},
		{"position, some named", binary, CSV, "Column_1,Column_0,c,d,e\n1,2,3,4,5\n", `no column "Column_2"`, 0},
		{"text", fraud, CSV, header + "1,1,1,1,1\n2,NA,1,1,1\n", `line 3, column 3: merchant_category: "NA" is not a number`, 1},
		{"hexadecimal", fraud, CSV, header + "0x10,1,1,1,1\n", `"0x10" is not a number`, 0},
		{"beyond", fraud, CSV, header + "1e999,1,1,1,1\n", `"1e999" is beyond a 64-bit float`, 0},
		{"short row", fraud, CSV, header + "1,1,1,1,1\n1,1\n", "line 3: 2 cells where the header has 5", 1},
		{"open quote", fraud, CSV, header + "\"1,1,1,1,1\n", `line 2: extraneous or missing "`, 0},
		{"blank cell of one", one, CSV, "Column_0\n1\n\n2\n", "line 3 is blank", 1},
		{"no feature", fraud, NDJSON, `{"amount":1}`, `line 1: no feature "merchant_category"; write null`, 0},
		{"text value", fraud, NDJSON, `{"amount":"1","merchant_category":1,"tx_count_1h":1,"avg_amount_1h":1,"unique_merchants_1h":1}`, `feature "amount" is a string`, 0},
		{"text in values", fraud, NDJSON, `{"values":{"amount":true}}`, `feature "amount" is true, want a number`, 0},
		{"short array", fraud, NDJSON, "[1,2,3,4,5]\n\n[1,2,3,4]", "line 3: 4 values for a model of 5 features", 1},
		{"long array", fraud, NDJSON, `{"values":[1,2,3,4,5,6]}`, "more than 5 values", 0},
		{"beyond in JSON", fraud, NDJSON, "[1e999,2,3,4,5]", `"1e999" is beyond`, 0},
		{"key twice", fraud, NDJSON, `{"amount":1,"amount":2}`, `line 1: key "amount" stands twice`, 0},
		{"cut", fraud, NDJSON, "[1,2,3,4,5]\n[1,2", "line 2:", 1},
		{"cut object", fraud, NDJSON, `{"amount":1,`, "line 1:", 0},
		{"two values", fraud, NDJSON, "[1,2,3,4,5] [1,2,3,4,5]", "more than one JSON value", 0},
		{"junk", fraud, NDJSON, "[1,2,3,4,5]x", "more than one JSON value", 0},
		{"number", fraud, NDJSON, "5", "neither an object nor an array", 0},
		{"header twice over", fraud, CSV, "a\"b,c\n", `CSV header: parse error on line 1`, 0},
		{"semicolons", fraud, CSV, "amount;merchant_category\n1,5;2\n", "separated by semicolons: write the file with commas", 0},
		{"tabs", one, CSV, "a\tb\n1\t2\n", "separated by tabs", 0},
		{"a cell like a book", one, CSV, "Column_0\n" + strings.Repeat("x", 1000) + "\n", `line 2, column 1: Column_0: "` + strings.Repeat("x", 60) + `"… is not`, 0},
		{"gzip", fraud, Detect, "\x1f\x8b\x08\x00", "gzip-compressed: unpack it first", 0},
		{"spreadsheet", fraud, CSV, "PK\x03\x04", "save the sheet as CSV", 0},
		{"Parquet", fraud, Detect, "PAR1", "a Parquet file: write it as CSV or NDJSON", 0},
		{"UTF-16", fraud, Detect, "\xff\xfea\x00,\x00", "UTF-16 text: save it as UTF-8", 0},
		{"rows in one array", fraud, Detect, `[{"amount":1},{"amount":2}]`, "line 1: an array of rows: NDJSON has one row a line", 0},
		{"JSON over lines", fraud, Detect, "[\n  {\"amount\": 1}\n]\n", "line 1: the JSON goes on behind the line's end", 0},
		{"NaN in JSON", fraud, NDJSON, "[1,2,3,4,NaN]", "line 1, column 10: JSON knows no NaN and no Infinity: write null", 0},
		{"Python's quotes", fraud, NDJSON, "{'amount':1}", `line 1, column 2: invalid character '\''`, 0},
		{"array value", fraud, NDJSON, `{"values":{"amount":[]}}`, `feature "amount" is an array, want`, 0},
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

// TestLongRows holds that input without line ends is refused before it fills the memory.
func TestLongRows(t *testing.T) {
	m := openModel(t, "one_feature")
	for name, c := range map[string]struct{ head, endless, want string }{
		"CSV header":  {"", "x", "CSV header: it is longer than 4 MiB"},
		"CSV row":     {"Column_0\n1\n", "1", "the row after line 2: it is longer than 4 MiB"},
		"open quote":  {"Column_0\n1\n\"", "1\n", "is a quote left open there?"},
		"NDJSON row":  {"[1]\n", " ", "line 2: it is longer than 4 MiB"},
		"JSON string": {"[1]\n{\"", "x", "line 2: it is longer than 4 MiB"},
	} {
		in := &repeat{text: strings.Repeat(c.endless, 1024), times: 64 << 10}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := Score(t.Context(), m, io.MultiReader(strings.NewReader(c.head), in), io.Discard, Options{})
		runtime.ReadMemStats(&after)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 128<<20 {
			t.Errorf("%s: %d bytes were allocated", name, n)
		}
	}
}

// TestRowsOfAnyLength holds that the bound is one of a row, not of the input, and that what the buffer cannot
// hold is still one row.
func TestRowsOfAnyLength(t *testing.T) {
	m := openModel(t, "one_feature")
	wide := strings.Repeat(" ", longestRow/2)
	for _, input := range []string{
		"Column_0,more\n" + strings.Repeat("1,"+wide+"\n", 5),
		strings.Repeat("[1"+wide+"]\n", 4) + "[1" + wide + "]",
	} {
		if out, err := score(t, m, input, Detect, Options{}); err != nil || strings.Count(out, "\n") != 5 {
			t.Errorf("%d lines, %v", strings.Count(out, "\n"), err)
		}
	}
}

// TestBrokenInput holds that rows before a read error are scored, and that half a row is none.
func TestBrokenInput(t *testing.T) {
	m := openModel(t, "one_feature")
	for _, c := range []struct {
		input, want string
		rows        int
	}{
		{"Column_0\n1\n2", "read CSV after line 2: disk on fire", 1},
		{"[1]\n[2]", "line 2: disk on fire", 1},
		{"[1]\n" + strings.Repeat(" ", 1e5), "line 2: disk on fire", 1},
		{"Column_0", "CSV header: disk on fire", 0},
		{"", "disk on fire", 0},
	} {
		in := io.MultiReader(strings.NewReader(c.input), iotest.ErrReader(errors.New("disk on fire")))
		var out bytes.Buffer
		if err := Score(t.Context(), m, in, &out, Options{}); err == nil || err.Error() != c.want {
			t.Errorf("%.20q: %v, want %q", c.input, err, c.want)
		}
		if n := strings.Count(out.String(), "\n"); n != c.rows {
			t.Errorf("%.20q: %d lines before the error, want %d", c.input, n, c.rows)
		}
	}
}

// brokenPipe is a reader that has gone away.
type brokenPipe struct{}

func (brokenPipe) Write([]byte) (int, error) { return 0, errors.New("broken pipe") }

func TestScoreStops(t *testing.T) {
	m := openModel(t, "one_feature")
	if err := Score(t.Context(), m, strings.NewReader("[1]\n"), brokenPipe{}, Options{}); err == nil || !strings.Contains(err.Error(), "write scores: broken pipe") {
		t.Errorf("%v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	long := iotest.OneByteReader(&repeat{text: "[1]\n", times: 20_000})
	out := &hook{do: func() { cancel(errors.New("enough")) }}
	err := Score(ctx, m, long, out, Options{})
	if err == nil || err.Error() != fmt.Sprintf("stopped after %d rows: enough", out.lines) || out.lines > 10_000 {
		t.Errorf("%d lines, %v", out.lines, err)
	}
}

// hook counts lines and does something at every write.
type hook struct {
	lines int
	do    func()
}

func (h *hook) Write(p []byte) (int, error) {
	h.lines += bytes.Count(p, []byte{'\n'})
	h.do()
	return len(p), nil
}

// TestStopWhileReading holds that a read which waits for ever is left when ctx ends, after the rows before it,
// and that it leaves no goroutine behind once it does return.
func TestStopWhileReading(t *testing.T) {
	m := openModel(t, "one_feature")
	for _, head := range []string{"Column_0\n1\n2", "[1]\n[2]"} {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			from, to := io.Pipe()
			defer to.Close()
			go func() {
				fmt.Fprint(to, head)
				synctest.Wait() // Until Score waits for more.
				cancel()
			}()
			var out bytes.Buffer
			err := Score(ctx, m, from, &out, Options{})
			if !errors.Is(err, context.Canceled) || !strings.HasPrefix(err.Error(), "stopped after 1 rows") || strings.Count(out.String(), "\n") != 1 {
				t.Errorf("%q, %v", out.String(), err)
			}
		})
	}
}
