package offline

import (
	"bufio"
	"context"
	"errors"
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

// Options are what a user may choose.
type Options struct {
	Format   string    // Of the input.
	Names    []string  // The features' names in the model's order; nil for those of the model's file.
	Raw      bool      // Margins instead of scores.
	Progress *Progress // Told how far it has come; nil for nobody.
}

// batchRows is how many rows are scored at once, fewer where they are so wide that they would have more
// than batchValues between them.
const (
	batchRows   = 512
	batchValues = 4 << 20
)

// source gives rows. next fills row, in the model's order, with NaN for what is missing; more is false
// after the last one. Its errors name the line.
type source interface {
	next(row []float64) (more bool, err error)
}

// Score reads rows from in and writes one line a row to out: {"score":0.25}, or {"scores":[…]} where
// there are several. Numbers are the shortest text that reads back as the same float64. Score returns
// at the end of the input, at the first row it cannot score, or when ctx ends, even while in waits: a
// Read may then be left behind, so in is not to be used again.
func Score(ctx context.Context, model *scoring.Model, in io.Reader, out io.Writer, opts Options) error {
	names := opts.Names
	if names == nil {
		names = model.FeatureNames()
	}
	if len(names) != model.Features() {
		return fmt.Errorf("%d feature names for a model of %d features", len(names), model.Features())
	}
	defer opts.Progress.erase()
	b := newBatch(model, opts.Raw, out)
	input := newInput(in, ctx.Done())
	rows, err := open(input, opts.Format, names)
	for more := true; more && err == nil; {
		more, err = b.fill(rows)
		// What was read before an error is scored and written before the error is reported.
		if scored := b.score(); scored != nil {
			err = scored
		}
		opts.Progress.update(b.before, input.read)
	}
	if flushed := b.out.Flush(); err == nil && flushed != nil {
		err = fmt.Errorf("write scores: %w", flushed)
	}
	if errors.Is(err, errStopped) {
		err = fmt.Errorf("stopped after %d rows: %w", b.before, context.Cause(ctx))
	}
	return err
}

// batch holds some rows on their way. Its slices are reused from batch to batch.
type batch struct {
	predict func(dst, rows []float64) error
	width   int // Numbers a row has.
	outputs int // Numbers it gets.
	out     *bufio.Writer
	rows    []float64
	scores  []float64
	size    int   // Rows it has room for.
	n       int   // Rows in the batch.
	before  int64 // Rows written before it.
	line    []byte
}

func newBatch(model *scoring.Model, raw bool, out io.Writer) *batch {
	b := &batch{width: model.Features(), out: bufio.NewWriterSize(out, 1<<16)}
	if raw {
		b.predict, b.outputs = model.PredictRaw, model.Margins()
	} else {
		b.predict, b.outputs = model.Predict, model.Outputs()
	}
	b.size = max(min(batchRows, batchValues/max(b.width, b.outputs)), 1)
	b.rows = make([]float64, b.size*b.width)
	b.scores = make([]float64, b.size*b.outputs)
	return b
}

// fill reads rows until the batch is full or more is false. On an error it holds the rows before it.
func (b *batch) fill(rows source) (more bool, err error) {
	for b.n = 0; b.n < b.size; b.n++ {
		if more, err = rows.next(b.rows[b.n*b.width : (b.n+1)*b.width]); err != nil || !more {
			return false, err
		}
	}
	return true, nil
}

// score scores the batch and writes its lines.
func (b *batch) score() error {
	scores := b.scores[:b.n*b.outputs]
	if err := b.predict(scores, b.rows[:b.n*b.width]); err != nil {
		return err
	}
	for i := range b.n {
		row := scores[i*b.outputs : (i+1)*b.outputs]
		b.line = appendScores(b.line[:0], row)
		if _, err := b.out.Write(b.line); err != nil {
			return fmt.Errorf("write scores: %w", err)
		}
	}
	b.before += int64(b.n)
	return nil
}

// appendNumber writes what JSON has no number for, an overflow or NaN, as null.
func appendNumber(line []byte, v float64) []byte {
	if math.IsNaN(v) || math.IsInf(v, 0) {
		return append(line, "null"...)
	}
	return strconv.AppendFloat(line, v, 'g', -1, 64)
}

func appendScores(line []byte, scores []float64) []byte {
	if len(scores) == 1 {
		line = append(line, `{"score":`...)
		line = appendNumber(line, scores[0])
		return append(line, '}', '\n')
	}
	line = append(line, `{"scores":[`...)
	for i, v := range scores {
		if i > 0 {
			line = append(line, ',')
		}
		line = appendNumber(line, v)
	}
	return append(line, ']', '}', '\n')
}
