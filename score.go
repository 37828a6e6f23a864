package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"millrace/internal/offline"
	"millrace/scoring"
)

// scoreCommand is `millrace score`: rows of a file through the same model code as the service's.
func scoreCommand() *cobra.Command {
	var model, input, format string
	var opts offline.Options
	cmd := &cobra.Command{
		Use:   "score --model MODEL --input ROWS",
		Short: "Score the rows of a CSV or NDJSON file",
		Long: `Score reads rows from a CSV file (the header names the features, an empty cell is a missing value) or from
NDJSON (served-features records as they stand) and writes one JSON line for each: {"score":p}, or {"scores":[…]}
where the model has several outputs.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if model == "" || input == "" {
				return errors.New("score needs --model and --input (- is stdin)")
			}
			data, err := scoring.ReadPath(model)
			if err != nil {
				return fmt.Errorf("model %s: %w", model, err)
			}
			m, err := scoring.Open(data)
			if err != nil {
				return fmt.Errorf("model %s: %w", model, err)
			}
			rows := cmd.InOrStdin()
			if input != "-" {
				file, err := os.Open(input)
				if err != nil {
					return fmt.Errorf("input: %w", err)
				}
				defer file.Close()
				rows = io.Reader(file)
			}
			if err := offline.Score(cmd.Context(), m, nil, rows, format, cmd.OutOrStdout(), opts); err != nil {
				return fmt.Errorf("score %s: %w", input, err)
			}
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&model, "model", "", "model file")
	flags.StringVar(&input, "input", "", "rows to score; - is stdin")
	flags.StringVar(&format, "format", "", "csv or ndjson; default: by what the input begins with")
	flags.BoolVar(&opts.Raw, "raw", false, "write margins instead of scores")
	flags.StringVar(&opts.Engine, "engine", "", "evaluator; default: the one the service uses")
	return cmd
}
