package main

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"millrace/scoring"
)

// runScore is `millrace score` as a shell runs it.
func runScore(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, problems bytes.Buffer
	code = run(t.Context(), append([]string{"score"}, args...), nil, &out, &problems)
	return code, out.String(), problems.String()
}

func scoreRows(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "rows.csv")
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

const (
	fraudModel = "testdata/models/fraud_model_v2.txt"
	fraudRows  = "amount,merchant_category,tx_count_1h,avg_amount_1h,unique_merchants_1h\n120.5,3,4,,2\n7,19,0,0,0\n"
)

// All engines say the same of a row; margins are not scores.
func TestScoreEngines(t *testing.T) {
	rows := scoreRows(t, fraudRows)
	outputs := map[string]string{}
	for _, raw := range []string{"--raw=false", "--raw"} {
		_, want, _ := runScore(t, "--model", fraudModel, "--input", rows, raw)
		if strings.Count(want, "\n") != 2 {
			t.Fatalf("%s: %q", raw, want)
		}
		outputs[want] = raw
		for _, engine := range scoring.Engines() {
			code, out, problems := runScore(t, "--model", fraudModel, "--input", rows, raw, "--engine", engine)
			if code != 0 || out != want || problems != "" {
				t.Errorf("%s %s: %d, %q, %q, want %q", engine, raw, code, out, problems, want)
			}
		}
	}
	if len(outputs) != 2 {
		t.Error("--raw changes nothing")
	}
}

// A model without trees tells the engines apart: leaves cannot hold it.
func TestScoreEngineIsTaken(t *testing.T) {
	const linear = "testdata/models/xgboost_gblinear.json"
	rows := scoreRows(t, "f0,f1,f2,f3,f4\n1,2,3,4,5\n")
	if code, out, problems := runScore(t, "--model", linear, "--input", rows); code != 0 {
		t.Errorf("%d, %q, %q", code, out, problems)
	}
	if code, _, problems := runScore(t, "--model", linear, "--input", rows, "--engine", "leaves"); code == 0 || !strings.HasPrefix(problems, "millrace: model "+linear+": ") {
		t.Errorf("%d, %q", code, problems)
	}
}

// A command that fails prints exactly one line on stderr.
func TestScoreRefuses(t *testing.T) {
	rows := scoreRows(t, fraudRows)
	for _, c := range []struct {
		want string
		args []string
	}{
		{"score needs --model and --input (- is stdin)", []string{"--model", fraudModel}},
		{"score needs --model and --input (- is stdin)", []string{"--input", rows}},
		{`score takes flags, not "rows.csv": millrace score --model MODEL --input ROWS`, []string{"rows.csv"}},
		{`--engine "gpu" is not known: there are compiled, leaves, naive`, []string{"--model", "nowhere", "--input", "nowhere", "--engine", "gpu"}},
		{`--format "xml" is not known: there are csv, ndjson`, []string{"--model", "nowhere", "--input", "nowhere", "--format", "xml"}},
		{"input: open nowhere.csv: no such file or directory", []string{"--model", "nowhere", "--input", "nowhere.csv"}},
		{"model nowhere: open nowhere: no such file or directory", []string{"--model", "nowhere", "--input", rows}},
		{"model " + rows + ": not a model in a known format", []string{"--model", rows, "--input", rows}},
		{"score " + fraudModel + `: CSV header: no column "amount", which the model needs`, []string{"--model", fraudModel, "--input", fraudModel}},
		{"score " + rows + ": line 1: neither an object nor an array", []string{"--model", fraudModel, "--input", rows, "--format", "ndjson"}},
	} {
		code, out, problems := runScore(t, c.args...)
		if code != 1 || out != "" || !strings.HasPrefix(problems, "millrace: "+c.want) || strings.Count(problems, "\n") != 1 {
			t.Errorf("%v: %d, %q, %q, want %q", c.args, code, out, problems, c.want)
		}
	}
}

func TestScoreHelp(t *testing.T) {
	code, out, _ := runScore(t, "--help")
	for _, word := range append(scoring.Engines(), "csv", "ndjson", "missing", "--raw", "{\"score\":p}", "Examples:") {
		if code != 0 || !strings.Contains(out, word) {
			t.Errorf("the help does not speak of %s", word)
		}
	}
	for line := range strings.Lines(out) {
		if n := len([]rune(line)); n > 120 {
			t.Errorf("a line of %d characters: %s", n, line)
		}
	}
}

func TestTerminals(t *testing.T) {
	file, err := os.Open(fraudModel)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	from, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	defer pipe.Close()
	folder, err := os.Open(".")
	if err != nil {
		t.Fatal(err)
	}
	defer folder.Close()
	for name, w := range map[string]io.Writer{"a buffer": &bytes.Buffer{}, "a file": file, "the null device": null, "a pipe": pipe} {
		if isTerminal(w) {
			t.Errorf("%s is taken for a terminal", name)
		}
	}
	if info, err := file.Stat(); err != nil || fileSize(file) != info.Size() || fileSize(folder) != 0 || fileSize(from) != 0 || fileSize(strings.NewReader("rows")) != 0 {
		t.Errorf("sizes: file %d, folder %d, pipe %d, text %d: %v", fileSize(file), fileSize(folder), fileSize(from), fileSize(strings.NewReader("rows")), err)
	}
	// The side of a pseudo-terminal that a terminal emulator holds is a terminal as well.
	terminal, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Skipf("there are no pseudo-terminals here: %v", err)
	}
	defer terminal.Close()
	if !isTerminal(terminal) {
		t.Error("a terminal is not known for one")
	}
}
