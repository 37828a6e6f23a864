package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"millrace/internal/offline"
	"millrace/scoring"
)

// scoreConfig is what the flags of `millrace score` say.
type scoreConfig struct {
	model, input, format, engine string
	raw                          bool
}

// scoreCommand is `millrace score`: rows of a file through the same model code as the service's.
func scoreCommand() *cobra.Command {
	var cfg scoreConfig
	cmd := &cobra.Command{
		Use:   "score --model MODEL --input ROWS",
		Short: "Score the rows of a CSV or NDJSON file",
		Long: `Score reads rows and writes one line of JSON for each, in their order: {"score":p}, or {"scores":[…]} where the
model has several outputs. They are what the training library's predict returns; with --raw they are margins, what
the trees add up to before it becomes a probability. Rows pass through: memory does not grow with the input. Where
the scores go elsewhere than to the terminal, it shows how far it has come.

Rows come in one of two formats, told apart by how the input begins:

  csv     The first line names the columns. Every feature of the model needs its column, in any order; other
          columns are ignored. A model whose features have no names of their own (Column_0, f0) takes the
          columns in their order, one a feature. An empty cell is a missing value, and so is nan.
  ndjson  One JSON value a line: an object of feature names and numbers, an array of numbers in the model's
          order, or a record of the served-features topic as it stands. null is a missing value.

A score beyond what JSON can hold, as exponential links give, is null; its margin (--raw) may be finite.

A missing value goes the way that the model learnt for it. A feature that a row does not name at all is an error,
not a missing value. A category is its code.

All engines compute the same scores, bit for bit:

  compiled  The fastest layout that holds the model; the default, as in the service.
  leaves    The leaves library finds the leaf in every tree; it holds no gblinear models, which have no trees.
  naive     One comparison after the other, as the model's file says.`,
		Example: `  millrace score --model fraud.txt --input rows.csv > scores.ndjson
  gzip -dc rows.csv.gz | millrace score --model fraud.txt --input - --raw`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return fmt.Errorf("score takes flags, not %q: millrace score --model MODEL --input ROWS", args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return score(cmd.Context(), cfg, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&cfg.model, "model", "", "model file")
	flags.StringVar(&cfg.input, "input", "", "rows to score; - is stdin")
	flags.StringVar(&cfg.format, "format", "", "csv or ndjson; default: by how the input begins")
	flags.BoolVar(&cfg.raw, "raw", false, "write margins instead of scores")
	flags.StringVar(&cfg.engine, "engine", "", strings.Join(scoring.Engines(), ", ")+"; default: "+scoring.Engines()[0])
	return cmd
}

// score is the command. What is quickly found wrong is looked for before the model is opened, which may take a while.
func score(ctx context.Context, cfg scoreConfig, stdin io.Reader, stdout, stderr io.Writer) error {
	switch {
	case cfg.model == "" || cfg.input == "":
		return errors.New("score needs --model and --input (- is stdin)")
	case cfg.engine != "" && !slices.Contains(scoring.Engines(), cfg.engine):
		return fmt.Errorf("--engine %q is not known: there are %s", cfg.engine, strings.Join(scoring.Engines(), ", "))
	case !slices.Contains([]string{offline.Detect, offline.CSV, offline.NDJSON}, cfg.format):
		return fmt.Errorf("--format %q is not known: there are %s, %s", cfg.format, offline.CSV, offline.NDJSON)
	}
	rows, name := stdin, "stdin"
	if cfg.input != "-" {
		file, err := os.Open(cfg.input)
		if err != nil {
			return fmt.Errorf("input: %w", err)
		}
		defer file.Close()
		rows, name = file, cfg.input
	}
	data, err := scoring.ReadPath(cfg.model)
	if err != nil {
		return fmt.Errorf("model %s: %w", cfg.model, err)
	}
	model, err := scoring.Open(data, scoring.Options{Engine: cfg.engine})
	if err != nil {
		return fmt.Errorf("model %s: %w", cfg.model, err)
	}
	opts := offline.Options{Format: cfg.format, Raw: cfg.raw}
	// Where the scores go to the terminal themselves they are progress enough.
	if isTerminal(stderr) && !isTerminal(stdout) {
		opts.Progress = offline.NewProgress(stderr, fileSize(rows))
	}
	if err := offline.Score(ctx, model, rows, stdout, opts); err != nil {
		return fmt.Errorf("score %s: %w", name, err)
	}
	return nil
}

// isTerminal says whether someone may be watching: w is a character device, but not the one that nobody reads. (No
// other device is anyone's stdout.)
func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	if err != nil || info.Mode()&os.ModeCharDevice == 0 {
		return false
	}
	null, err := os.Stat(os.DevNull)
	return err == nil && !os.SameFile(info, null)
}

// fileSize is how many bytes r has to give, 0 where it is no regular file.
func fileSize(r io.Reader) int64 {
	if file, ok := r.(*os.File); ok {
		if info, err := file.Stat(); err == nil && info.Mode().IsRegular() {
			return info.Size()
		}
	}
	return 0
}
