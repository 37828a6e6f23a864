package offline

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
)

// csvRows reads rows of comma-separated values.
type csvRows struct {
	reader  *csv.Reader
	names   []string
	columns []int // For each feature, its column.
	header  int   // Columns in the file.
	line    int   // Of the row read last.
}

// newCSVRows reads the header and finds every feature's column.
func newCSVRows(in *bufio.Reader, names []string) (*csvRows, error) {
	if mark, _ := in.Peek(3); string(mark) == "\xef\xbb\xbf" {
		_, _ = in.Discard(3) // A byte order mark, as spreadsheets write it; it was peeked, so it is there.
	}
	reader := csv.NewReader(in)
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the CSV is empty: a header of feature names belongs there")
	}
	if err != nil {
		return nil, fmt.Errorf("read the CSV header: %w", err)
	}
	columns, err := match(header, names)
	if err != nil {
		return nil, fmt.Errorf("CSV header: %w", err)
	}
	reader.ReuseRecord = true
	line, _ := reader.FieldPos(0)
	return &csvRows{reader: reader, names: names, columns: columns, header: len(header), line: line}, nil
}

// match finds for each feature the column of that name, or, where the names say nothing and the
// columns are as many, takes the columns in order.
func match(header, names []string) ([]int, error) {
	at := make(map[string]int, len(header))
	twice, numeric := map[string]bool{}, true
	for i, name := range header {
		name = strings.TrimSpace(name)
		if _, ok := at[name]; ok {
			twice[name] = true
		}
		at[name] = i
		_, err := strconv.ParseFloat(name, 64)
		numeric = numeric && err == nil
	}
	columns := make([]int, len(names))
	for i, name := range names {
		column, ok := at[name]
		switch {
		case ok && twice[name]:
			return nil, fmt.Errorf("column %q stands twice", name)
		case ok:
			columns[i] = column
		case numeric:
			return nil, errors.New("line 1 holds numbers: a header of feature names belongs there")
		case generic(names) && len(header) == len(names):
			for i := range columns {
				columns[i] = i
			}
			return columns, nil
		case generic(names):
			return nil, fmt.Errorf("the model's features have no names of their own, so columns are matched by position: %d columns for %d features",
				len(header), len(names))
		default:
			return nil, fmt.Errorf("no column %q, which the model needs", name)
		}
	}
	return columns, nil
}

// generic says whether the names are the ones libraries make up: Column_0, Column_1, … or f0, f1, ….
func generic(names []string) bool {
	for _, prefix := range []string{"Column_", "f"} {
		all := true
		for i, name := range names {
			all = all && name == prefix+strconv.Itoa(i)
		}
		if all {
			return true
		}
	}
	return false
}

// next reads one row.
func (c *csvRows) next(row []float64) (more bool, err error) {
	cells, err := c.reader.Read()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read CSV: %w", err)
	}
	line, _ := c.reader.FieldPos(0)
	if c.header == 1 && line != c.line+1 {
		// The reader passes over blank lines. With one column such a line may be meant as a missing
		// value, and dropping it would shift every score after it.
		return false, fmt.Errorf(`line %d is blank: write "" for a missing value`, c.line+1)
	}
	c.line = line
	for i, column := range c.columns {
		if row[i], err = parseCell(cells[column]); err != nil {
			line, at := c.reader.FieldPos(column)
			return false, fmt.Errorf("line %d, column %d: %s: %w", line, at, c.names[i], err)
		}
	}
	return true, nil
}

// parseCell reads a decimal number, nan or inf in any case; an empty cell is NaN, a missing value.
func parseCell(text string) (float64, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return math.NaN(), nil
	}
	if strings.ContainsAny(text, "xXpP_") { // Hexadecimal and underscores are Go's, not the data's.
		return 0, fmt.Errorf("%q is not a number", text)
	}
	v, err := strconv.ParseFloat(text, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%s is beyond a 64-bit float", text)
	}
	if err != nil {
		return 0, fmt.Errorf("%q is not a number; leave the cell empty for a missing value", text)
	}
	return v, nil
}
