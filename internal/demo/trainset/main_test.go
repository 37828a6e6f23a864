package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"millrace/internal/demo"
)

func TestRunWritesWhatTheWorldShows(t *testing.T) {
	var out, errs bytes.Buffer
	if code := run([]string{"-events", "500", "-seed", "7"}, &out, &errs); code != 0 {
		t.Fatalf("exit code %d: %s", code, &errs)
	}
	lines := strings.Split(strings.TrimSuffix(out.String(), "\n"), "\n")
	if len(lines) != 501 || lines[0] != demo.CSVHeader {
		t.Fatalf("%d lines, the first is %q", len(lines), lines[0])
	}
	world := demo.NewWorld(demo.WorldConfig{Seed: 7})
	for i, line := range lines[1:] {
		if event := world.Next(); string(event.AppendCSV(nil)) != line {
			t.Fatalf("line %d is %q, the world says %q", i+2, line, event.AppendCSV(nil))
		}
	}
}

func TestRunReportsWhatWentWrong(t *testing.T) {
	var errs bytes.Buffer
	if code := run([]string{"-events", "many"}, &bytes.Buffer{}, &errs); code != 2 {
		t.Errorf("exit code %d for a flag that is no number", code)
	}
	errs.Reset()
	if code := run([]string{"-events", "10"}, full{}, &errs); code != 1 || !strings.Contains(errs.String(), "disk full") {
		t.Errorf("exit code %d, %q for a full disk", code, errs.String())
	}
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("disk full") }
