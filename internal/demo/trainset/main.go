// Command trainset writes training data for the demo's models: what the scoring service would see of simulated card
// traffic, and whether it was fraud.
//
//	go run ./internal/demo/trainset -events 300000 -seed 1 > train.csv
package main

import (
	"bufio"
	"flag"
	"fmt"
	"io"
	"os"

	"millrace/internal/demo"
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	flags := flag.NewFlagSet("trainset", flag.ContinueOnError)
	flags.SetOutput(stderr)
	events := flags.Int("events", 300_000, "number of rows")
	seed := flags.Uint64("seed", 1, "seed of the world")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	if err := write(stdout, *events, *seed); err != nil {
		fmt.Fprintf(stderr, "trainset: write rows: %v\n", err)
		return 1
	}
	return 0
}

func write(w io.Writer, events int, seed uint64) error {
	out := bufio.NewWriterSize(w, 1<<16)
	world := demo.NewWorld(demo.WorldConfig{Seed: seed})
	line := []byte(demo.CSVHeader)
	for range events {
		if _, err := out.Write(append(line, '\n')); err != nil {
			return err
		}
		event := world.Next()
		line = event.AppendCSV(line[:0])
	}
	if _, err := out.Write(append(line, '\n')); err != nil {
		return err
	}
	return out.Flush()
}
