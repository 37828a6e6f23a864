package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// allowed is the import rule: which packages of this module each room may import. Tests may import more.
var allowed = map[string][]string{
	"consumer":  nil,
	"features":  nil,
	"scoring":   nil,
	"telemetry": nil,
	"swap":      {"millrace/features", "millrace/scoring"},
}

func TestRoomsImportOnlyWhatTheyMay(t *testing.T) {
	for room, may := range allowed {
		for file, imports := range importsOf(t, room) {
			for _, path := range imports {
				if strings.HasPrefix(path, "millrace") && !slices.Contains(may, path) {
					t.Errorf("%s imports %s: a room takes what it needs from main, and imports no other room but swap → scoring, features", file, path)
				}
			}
		}
	}
}

// Where a dependency lives is part of the house: a room that reaches for another's trade is a room too many.
func TestTradesStayInTheirRooms(t *testing.T) {
	trades := map[string][]string{
		"github.com/redis/rueidis":     {"features"},
		"github.com/dmitryikh/leaves":  {"scoring"},
		"github.com/twmb/franz-go":     {"consumer", "swap"},
		"github.com/alicebob/":         nil,
		"github.com/spf13/":            nil,
		"net/http":                     {"telemetry"},
		"github.com/goccy/go-yaml":     {"features"},
		"go.opentelemetry.io/otel/sdk": nil,
	}
	for room := range allowed {
		for file, imports := range importsOf(t, room) {
			for _, path := range imports {
				for trade, rooms := range trades {
					if strings.HasPrefix(path, trade) && !slices.Contains(rooms, room) {
						t.Errorf("%s imports %s, which is the trade of %v", file, path, rooms)
					}
				}
			}
		}
	}
}

func TestEveryPackageSaysWhatItOwns(t *testing.T) {
	for room := range allowed {
		doc, err := os.ReadFile(filepath.Join(room, "doc.go"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, word := range []string{"// Package " + room, "own", "refuse"} {
			if !strings.Contains(string(doc), word) {
				t.Errorf("%s/doc.go has no %q", room, word)
			}
		}
	}
}

// The three files that a newcomer reads first stay short.
func TestTheWayIsReadInFifteenMinutes(t *testing.T) {
	lines := 0
	for _, file := range []string{"main.go", "serve.go", "pipeline.go"} {
		data, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		lines += strings.Count(string(data), "\n")
	}
	if lines >= 500 {
		t.Errorf("main.go, serve.go and pipeline.go have %d lines together, want below 500", lines)
	}
}

// importsOf maps each file of a package, tests apart, to what it imports.
func importsOf(t *testing.T, dir string) map[string][]string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no Go files in %s: %v", dir, err)
	}
	all := map[string][]string{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ImportsOnly)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range parsed.Imports {
			path, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatal(err)
			}
			all[file] = append(all[file], path)
		}
	}
	return all
}
