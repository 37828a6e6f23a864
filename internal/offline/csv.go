package offline

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// csvRows reads rows of comma-separated values.
type csvRows struct {
	in      *input
	reader  *csv.Reader
	names   []string
	columns []int // For each feature, its column.
	header  int   // Columns in the file.
	line    int   // Of the row read last.
}

// newCSVRows reads the header and finds every feature's column.
func newCSVRows(in *input, names []string) (*csvRows, error) {
	reader := csv.NewReader(in.buffered)
	header, err := reader.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the CSV is empty: a header of feature names belongs there")
	}
	if err != nil {
		return nil, fmt.Errorf("CSV header: %w", err)
	}
	columns, err := match(header, names)
	if err != nil {
		return nil, fmt.Errorf("CSV header: %w", err)
	}
	reader.ReuseRecord = true
	line, _ := reader.FieldPos(0)
	return &csvRows{in: in, reader: reader, names: names, columns: columns, header: len(header), line: line}, nil
}

// match finds for each feature the column of that name, or, where the names say nothing and the
// columns are as many, takes the columns in order.
func match(header, names []string) ([]int, error) {
	if err := separator(header, names); err != nil {
		return nil, err
	}
	wanted := make(map[string]bool, len(names))
	for _, name := range names {
		wanted[name] = true
	}
	at := make(map[string]int, len(names))
	numeric := true
	for i, name := range header {
		if !wanted[name] { // A feature's name may begin with a blank; else blanks are the file's.
			name = strings.TrimSpace(name)
		}
		if _, err := strconv.ParseFloat(name, 64); err != nil {
			numeric = false
		}
		if !wanted[name] {
			continue
		}
		if _, ok := at[name]; ok {
			return nil, fmt.Errorf("column %s stands twice", quoted(name))
		}
		at[name] = i
	}
	columns := make([]int, len(names))
	switch {
	case len(at) == len(names):
		for i, name := range names {
			columns[i] = at[name]
		}
	case numeric:
		return nil, errors.New("line 1 holds numbers: a header of feature names belongs there")
	case len(at) > 0 || !generic(names):
		missing := slices.IndexFunc(names, func(name string) bool { _, ok := at[name]; return !ok })
		return nil, fmt.Errorf("no column %q, which the model needs", names[missing])
	case len(header) != len(names):
		return nil, fmt.Errorf("the model's features have no names of their own, so columns are matched by position: %d columns for %d features",
			len(header), len(names))
	case disordered(header):
		return nil, fmt.Errorf("the columns' numbers do not rise, and the model's features have no names but %s to %s: name the columns so", names[0], names[len(names)-1])
	default:
		for i := range columns {
			columns[i] = i
		}
	}
	return columns, nil
}

// separator refuses a header that is one column to a reader of commas, and several to whoever wrote it.
func separator(header, names []string) error {
	if len(header) != 1 || slices.Contains(names, header[0]) {
		return nil
	}
	for _, c := range []struct{ mark, name string }{{";", "semicolons"}, {"\t", "tabs"}, {"|", "bars"}} {
		if strings.Contains(header[0], c.mark) {
			return fmt.Errorf("the columns are separated by %s: write the file with commas between columns and points in numbers", c.name)
		}
	}
	return nil
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

// disordered says whether a header is made of one name and numbers that do not rise: columns that say where
// they belong, and are elsewhere.
func disordered(header []string) bool {
	first, last, order := "", -1, true
	for i, name := range header {
		name = strings.TrimSpace(name)
		stem := strings.TrimRight(name, "0123456789")
		if i == 0 {
			first = stem
		}
		n, err := strconv.Atoi(name[len(stem):])
		if err != nil || stem != first {
			return false
		}
		order, last = order && n > last, n
	}
	return !order
}

// next reads one row.
func (c *csvRows) next(row []float64) (more bool, err error) {
	c.in.nextRow()
	cells, err := c.reader.Read()
	if errors.Is(err, io.EOF) {
		return false, nil
	}
	if err != nil {
		return false, c.explain(err, len(cells))
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

// explain says where the reader could not go on.
func (c *csvRows) explain(err error, cells int) error {
	var broken *csv.ParseError
	switch {
	case errors.Is(err, csv.ErrFieldCount) && errors.As(err, &broken):
		return fmt.Errorf("line %d: %d cells where the header has %d", broken.StartLine, cells, c.header)
	case errors.As(err, &broken):
		return fmt.Errorf("line %d: %w", broken.StartLine, broken.Err)
	case errors.Is(err, errLongRow):
		return fmt.Errorf("the row after line %d: %w: is a quote left open there?", c.line, err)
	}
	return fmt.Errorf("read CSV after line %d: %w", c.line, err)
}

// parseCell reads a decimal number, nan or inf in any case; an empty cell is NaN, a missing value.
func parseCell(text string) (float64, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return math.NaN(), nil
	}
	if strings.ContainsAny(text, "xXpP_") { // Hexadecimal and underscores are Go's, not the data's.
		return 0, fmt.Errorf("%s is not a number", quoted(text))
	}
	v, err := strconv.ParseFloat(text, 64)
	if errors.Is(err, strconv.ErrRange) {
		return 0, fmt.Errorf("%s is beyond a 64-bit float", quoted(text))
	}
	if err != nil {
		return 0, fmt.Errorf("%s is not a number; leave the cell empty for a missing value", quoted(text))
	}
	return v, nil
}
