// Millrace scores events as they happen: Kafka in, features from Redis, a LightGBM or XGBoost model evaluated in
// Go, Kafka out. This file is the table of contents, one line a command; serve.go builds the rooms, pipeline.go is the way
// of one batch through them.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"a.millrace.invalid/quietlog"
	"github.com/spf13/cobra"
)

func main() {
	quietlog.End()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // A second signal ends the process at once.
	code := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// run is the whole program but for the process around it: 0 for success, 1 for a failure, told in one line on
// stderr.
func run(ctx context.Context, args, environ []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:           "millrace",
		Short:         "Score a Kafka stream with a tree model: one static binary",
		Version:       buildVersion(),
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.CompletionOptions.DisableDefaultCmd = true
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.AddCommand(
		demoCommand(environ),
		serveCommand(environ),
		scoreCommand(),
		configCommand(environ),
		versionCommand(),
	)
	if err := root.ExecuteContext(ctx); err != nil {
		fmt.Fprintln(stderr, "millrace:", oneLine(err))
		return 1
	}
	return 0
}

// oneLine is an error's text without its line ends: some libraries advise on several lines.
func oneLine(err error) string {
	return strings.Join(strings.FieldsFunc(err.Error(), func(r rune) bool { return r == '\n' || r == '\r' || r == '\t' }), " ")
}
