package offline

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"math"
	"strconv"

	"millrace/scoring"
)

// The formats that Score reads.
const (
	Detect = ""       // By the input's first byte: { or [ is NDJSON, anything else CSV.
	CSV    = "csv"    // Comma-separated, with a header.
	NDJSON = "ndjson" // One JSON value a line.
)

// Options are what a user may choose about the output.
type Options struct {
	Raw    bool   // Margins instead of scores.
	Engine string // "" or "leaves", which is the only one so far.
}

// batchRows is how many rows are scored at once.
const batchRows = 512

// source gives rows. next fills row, in the model's order, with NaN for what is missing; more is false
// after the last one. Its errors name the line.
type source interface {
	next(row []float64) (more bool, err error)
}

// Score reads rows from in and writes one line a row to out: {"score":0.25}, or {"scores":[…]} where
// the model has several outputs. Numbers are the shortest text that reads back as the same float64.
// names are the features' names in the model's order, nil for those of the model's file. Score returns
// at the end of the input, at the first row it cannot score, or when ctx ends.
func Score(ctx context.Context, model *scoring.Model, names []string, in io.Reader, format string, out io.Writer, opts Options) error {
	if opts.Engine != "" && opts.Engine != model.Info().Engine {
		return fmt.Errorf("engine %q is not available, use %q", opts.Engine, model.Info().Engine)
	}
	if names == nil {
		names = model.FeatureNames()
	}
	if len(names) != model.Features() {
		return fmt.Errorf("%d feature names for a model of %d features", len(names), model.Features())
	}
	rows, err := open(bufio.NewReaderSize(in, 1<<16), format, names)
	if err != nil {
		return err
	}
	b := newBatch(model, opts.Raw, out)
	for more := true; more && err == nil; {
		more, err = b.fill(rows)
		// What was read before an error is scored and written before the error is reported.
		if scored := b.score(); scored != nil {
			err = scored
		}
		if err == nil {
			err = ctx.Err()
		}
	}
	if flushed := b.out.Flush(); err == nil && flushed != nil {
		err = fmt.Errorf("write scores: %w", flushed)
	}
	return err
}

func open(in *bufio.Reader, format string, names []string) (source, error) {
	if format == Detect {
		format = CSV
		if c := firstByte(in); c == '{' || c == '[' {
			format = NDJSON
		}
	}
	switch format {
	case CSV:
		return newCSVRows(in, names)
	case NDJSON:
		return newJSONRows(in, names), nil
	}
	return nil, fmt.Errorf("format %q is not known, use %q or %q", format, CSV, NDJSON)
}

// firstByte looks at the first byte that is not white space, as far as the buffer reaches.
func firstByte(in *bufio.Reader) byte {
	for n := 1; n <= in.Size(); n++ {
		head, err := in.Peek(n)
		if err != nil {
			return 0
		}
		switch c := head[n-1]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// batch holds up to batchRows rows on their way. Its slices are reused from batch to batch.
type batch struct {
	model  *scoring.Model
	raw    bool
	out    *bufio.Writer
	rows   []float64
	scores []float64
	n      int   // Rows in the batch.
	before int64 // Rows written before it.
	line   []byte
}

func newBatch(model *scoring.Model, raw bool, out io.Writer) *batch {
	return &batch{
		model:  model,
		raw:    raw,
		out:    bufio.NewWriterSize(out, 1<<16),
		rows:   make([]float64, batchRows*model.Features()),
		scores: make([]float64, batchRows*model.Outputs()),
	}
}

// fill reads rows until the batch is full or more is false. On an error it holds the rows before it.
func (b *batch) fill(rows source) (more bool, err error) {
	width := b.model.Features()
	for b.n = 0; b.n < batchRows; b.n++ {
		if more, err = rows.next(b.rows[b.n*width : (b.n+1)*width]); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// score scores the batch and writes its lines.
func (b *batch) score() error {
	rows, scores := b.rows[:b.n*b.model.Features()], b.scores[:b.n*b.model.Outputs()]
	predict := b.model.Predict
	if b.raw {
		predict = b.model.PredictRaw
	}
	if err := predict(scores, rows); err != nil {
		return err
	}
	outputs := b.model.Outputs()
	for i := range b.n {
		line, err := appendScores(b.line[:0], scores[i*outputs:(i+1)*outputs])
		if err != nil {
			return fmt.Errorf("row %d: %w", b.before+int64(i)+1, err)
		}
		b.line = line
		if _, err := b.out.Write(line); err != nil {
			return fmt.Errorf("write scores: %w", err)
		}
	}
	b.before += int64(b.n)
	return nil
}

func appendScores(line []byte, scores []float64) ([]byte, error) {
	for _, v := range scores {
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("its score is %v, which JSON cannot hold: the margin is beyond the model's link", v)
		}
	}
	if len(scores) == 1 {
		line = append(line, `{"score":`...)
		line = strconv.AppendFloat(line, scores[0], 'g', -1, 64)
		return append(line, '}', '\n'), nil
	}
	line = append(line, `{"scores":[`...)
	for i, v := range scores {
		if i > 0 {
			line = append(line, ',')
		}
		line = strconv.AppendFloat(line, v, 'g', -1, 64)
	}
	return append(line, ']', '}', '\n'), nil
}
