package features

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/go-json-experiment/json/jsontext"
)

func showCells(row storedRow) string {
	parts := make([]string, len(row.cells))
	for i, cell := range row.cells {
		parts[i] = fmt.Sprintf("%v:%d", cell.value, cell.status)
	}
	return strings.Join(parts, " ")
}

func TestRowProblemsAreNamed(t *testing.T) {
	c := storeContract(t)
	var s scanner
	for text, want := range map[string]string{
		`{"count":3}`:              "",
		`{"tier":"tin"}`:           "",
		`{"count":"3"}`:            "feature count again: want a number, got a string",
		`{"flag":1}`:               "feature flag: want a boolean, got a number",
		`{"rate":1e999}`:           "feature rate: a number beyond float64",
		`{"count":3`:               "the text ends in the middle",
		`{"count":3,"count":4}`:    "the field is there twice",
		`null`:                     "the value is null",
		``:                         "there is no value",
		`{"x":` + "\"\xff\"" + `}`: "bytes that are not UTF-8",
	} {
		row, problem := c.decodeObject(&s, []byte(text))
		if problem != want || row.degraded != (want != "") {
			t.Errorf("%s: problem %q, degraded %v; want %q", text, problem, row.degraded, want)
		}
	}
}

func TestStalePutKeepsWhatWasUnusable(t *testing.T) {
	c := storeContract(t)
	var s scanner
	row, _ := c.decodeObject(&s, []byte(`{"count":"3","rate":0.5,"tier":"gold"}`))
	values, status := make([]float64, c.Len()), make([]Status, c.Len())
	c.put(row.cells, true, values, status)
	if got, want := show(c, values, status, 0), "0:4 0.5:3 7:3 2:3 7:4"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// rowOracle decodes a row with an independent JSON library.
func rowOracle(c *Contract, text []byte) string {
	unusable := showCells(c.unusableRow())
	dec := jsontext.NewDecoder(bytes.NewReader(text), jsontext.AllowDuplicateNames(true))
	if token, err := dec.ReadToken(); err != nil || token.Kind() != '{' {
		return unusable
	}
	fields := map[string]jsontext.Value{}
	for dec.PeekKind() == '"' {
		name, err := dec.ReadToken()
		if err != nil {
			return unusable
		}
		key := name.String()
		value, err := dec.ReadValue()
		if _, twice := fields[key]; twice || err != nil {
			return unusable
		}
		fields[key] = value.Clone()
	}
	if _, err := dec.ReadToken(); err != nil {
		return unusable
	}
	if _, err := dec.ReadToken(); !errors.Is(err, io.EOF) {
		return unusable
	}
	row := c.absentRow()
	for j, i := range c.stored {
		f, value := c.features[i], fields[c.features[i].Field]
		if value.Kind() == 'n' {
			value = nil
		}
		cell := &row.cells[j]
		if !oracleFeature(f, value, &cell.value, &cell.status) {
			cell.value, cell.status = float64(*f.Default), Defaulted
		}
	}
	return showCells(row)
}

// FuzzRow compares rows of JSON with the oracle, and sees that hashes of any
// text are taken without harm.
func FuzzRow(f *testing.F) {
	fuzzSeeds(f)
	c := storeContract(f)
	var s scanner // Reused, as in service.
	f.Fuzz(func(t *testing.T, text []byte) {
		row, problem := c.decodeObject(&s, text)
		if got, want := showCells(row), rowOracle(c, text); got != want {
			t.Fatalf("%q:\ngot  %s\nwant %s", text, got, want)
		}
		if row.degraded != (problem != "") || row.degraded != strings.Contains(showCells(row), ":4") {
			t.Fatalf("%q: degraded %v, problem %q, cells %s", text, row.degraded, problem, showCells(row))
		}
		hash := make([][]byte, len(c.store.names))
		for i := range hash {
			hash[i] = text
		}
		hashed, _ := c.decodeHash(&s, hash)
		var x float64
		var status Status
		want := cell{0, Defaulted}
		if v := jsontext.Value(text); v.Kind() == '0' && v.IsValid() && bytes.Equal(text, bytes.TrimSpace(text)) &&
			oracleFeature(c.features[1], v, &x, &status) {
			want = cell{x, Present}
		}
		if hashed.cells[0] != want {
			t.Fatalf("%q in a hash: %v, want %v", text, hashed.cells[0], want)
		}
	})
}
