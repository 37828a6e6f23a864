package features

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"strconv"
	"time"
)

// Source is where a feature's value comes from.
type Source string

// The sources.
const (
	FromEvent Source = "event" // A top-level field of the event.
	FromStore Source = "store" // A field of the entity's row in Redis.
)

// Type is what a feature's value looks like where it comes from.
type Type string

// The types.
const (
	Number   Type = "number"   // A JSON number.
	Boolean  Type = "boolean"  // true = 1, false = 0.
	Category Type = "category" // A string, turned into a number by Feature.Codes.
)

// Feature is one input of a model.
type Feature struct {
	Name   string             `yaml:"name" json:"name"`
	Source Source             `yaml:"source" json:"source"`
	Field  string             `yaml:"field,omitempty" json:"field,omitempty"` // Field's name in event or row; Name when empty. A dot in it means nothing.
	Type   Type               `yaml:"type,omitempty" json:"type,omitempty"`   // Number when empty.
	Codes  map[string]float64 `yaml:"codes,omitempty" json:"codes,omitempty"` // For Category: the number of each string.
	// Default is used where the field is absent or null, or its string has no
	// code. Nil = the field is required, which only an event's can be.
	Default *Default `yaml:"default,omitempty" json:"default,omitempty"`
	// MaxAge is the greatest age of the row by its own time field. Not available yet.
	MaxAge time.Duration `yaml:"max_age,omitempty" json:"max_age,omitempty"`
}

// DefaultFeatures is the contract used where none is configured: card fraud
// from two fields of the transaction and three of the card holder's last hour.
func DefaultFeatures() []Feature {
	return []Feature{
		{Name: "amount", Source: FromEvent},
		{Name: "merchant_category", Source: FromEvent},
		{Name: "tx_count_1h", Source: FromStore, Default: new(Default)},
		{Name: "avg_amount_1h", Source: FromStore, Default: new(Default)},
		{Name: "unique_merchants_1h", Source: FromStore, Default: new(Default)},
	}
}

// Default is the value of a feature that is absent: a finite number, or NaN,
// which is written "missing".
type Default float64

// missing is how NaN is written.
const missing = "missing"

// UnmarshalText reads a finite number or the word "missing".
func (d *Default) UnmarshalText(text []byte) error {
	if string(text) == missing {
		*d = Default(math.NaN())
		return nil
	}
	f, err := strconv.ParseFloat(string(text), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Errorf("default %q: want a finite number or %q", text, missing)
	}
	*d = Default(f)
	return nil
}

// MarshalText writes what UnmarshalText reads, in the shortest form.
func (d Default) MarshalText() ([]byte, error) {
	if math.IsNaN(float64(d)) {
		return []byte(missing), nil
	}
	return strconv.AppendFloat(nil, float64(d), 'g', -1, 64), nil
}

// UnmarshalJSON reads a JSON number or the string "missing".
func (d *Default) UnmarshalJSON(text []byte) error {
	if quoted := []byte(strconv.Quote(missing)); bytes.Equal(text, quoted) {
		text = []byte(missing)
	}
	return d.UnmarshalText(text)
}

// MarshalJSON writes what UnmarshalJSON reads.
func (d Default) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(d)) {
		return strconv.AppendQuote(nil, missing), nil
	}
	return d.MarshalText()
}

// normal is a copy of f with its defaults written out.
func (f Feature) normal() Feature {
	if f.Field == "" {
		f.Field = f.Name
	}
	if f.Type == "" {
		f.Type = Number
	}
	f.Codes = maps.Clone(f.Codes)
	if f.Default != nil {
		value := *f.Default
		f.Default = &value
	}
	return f
}

// validate checks one feature that normal has been through.
func (f Feature) validate() error {
	switch {
	case f.Name == "":
		return fmt.Errorf("it has no name")
	case f.Source != FromEvent && f.Source != FromStore:
		return fmt.Errorf("source %q: want %q or %q", f.Source, FromEvent, FromStore)
	case f.Type != Number && f.Type != Boolean && f.Type != Category:
		return fmt.Errorf("type %q: want %q, %q or %q", f.Type, Number, Boolean, Category)
	case f.Type == Category && len(f.Codes) == 0:
		return fmt.Errorf("a category needs codes: give each of its strings a number")
	case f.Type != Category && len(f.Codes) > 0:
		return fmt.Errorf("codes are for type %q, not %q", Category, f.Type)
	case f.Source == FromStore && f.Default == nil:
		return fmt.Errorf("a store feature needs a default for rows that lack it: a number, or %q", missing)
	case f.Default != nil && math.IsInf(float64(*f.Default), 0):
		return fmt.Errorf("default %v: want a finite number or %q", float64(*f.Default), missing)
	case f.MaxAge != 0:
		return fmt.Errorf("max_age %v: not available yet, leave it out", f.MaxAge)
	}
	for text, code := range f.Codes {
		if math.IsInf(code, 0) || math.IsNaN(code) {
			return fmt.Errorf("code of %q: want a finite number", text)
		}
	}
	return nil
}
