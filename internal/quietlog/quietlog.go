// Package quietlog keeps the standard logger silent until main has begun.
//
// The metrics library looks for the kernel's pressure figures while it is initialised, and on hosts without them says
// so on stderr, before main and without a switch. A command of ours that fails prints exactly one line there, and a
// script may count on it.
//
// Go initialises packages in the order of their import paths, as far as their imports allow. That is the only reason
// why this package is a module of its own: a.millrace.invalid sorts before every other path, and so before the
// library's. Main turns the logger on again first thing.
package quietlog

import (
	"io"
	"log"
	"os"
)

func init() { log.SetOutput(io.Discard) }

// End lets the standard logger write to stderr again.
func End() { log.SetOutput(os.Stderr) }
