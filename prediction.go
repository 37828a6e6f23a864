package main

import (
	"encoding/json"
	"math"
	"strconv"
	"time"

	"millrace/features"
	"millrace/swap"
)

// prediction is what is written about one event.
type prediction struct {
	event   *features.Event
	scores  []float64         // one a class, or one
	status  []features.Status // of the event's features, in contract order
	names   []string          // of the same, as JSON strings
	latency time.Duration     // from the poll that brought the event to its encoding
}

// predictionFormat writes predictions as JSON objects: the six fields in their order, then the copied ones, then
// `features` where a value is not what the store would have said. It is immutable.
type predictionFormat struct {
	id, key, score, scores, decision, version, latency string // `"name":`, each with what comes before it
	copies                                             []string
	class                                              int // the score to write; negative writes all as an array
}

// newPredictionFormat takes the names of the fields, which are the configuration's.
func newPredictionFormat(cfg OutputConfig) *predictionFormat {
	field := func(before, name string) string { return before + quoteJSON(name) + ":" }
	f := &predictionFormat{
		id:       field("{", cfg.Fields.ID),
		key:      field(",", cfg.Fields.Key),
		score:    field(",", cfg.Fields.Score),
		scores:   field(",", "scores"),
		decision: field(",", cfg.Fields.Decision),
		version:  field(",", cfg.Fields.Version),
		latency:  field(",", cfg.Fields.Latency),
		class:    cfg.Class,
	}
	for _, name := range cfg.Copy {
		f.copies = append(f.copies, field(",", name))
	}
	return f
}

// pick is the one score that a decision can be made on, or false where the scores are written as an array.
func (f *predictionFormat) pick(scores []float64) (float64, bool) {
	switch {
	case f.class >= 0:
		return scores[f.class], true // A deployment without that class is refused.
	case len(scores) == 1:
		return scores[0], true
	}
	return 0, false
}

// append appends p as d's model scored it.
func (f *predictionFormat) append(dst []byte, p *prediction, d *swap.Deployment) []byte {
	dst = append(append(dst, f.id...), p.event.ID...)
	dst = append(append(dst, f.key...), p.event.Entity...)
	if score, one := f.pick(p.scores); one {
		dst = appendNumber(append(dst, f.score...), score)
		if d.Threshold != nil {
			dst = strconv.AppendBool(append(dst, f.decision...), score > *d.Threshold)
		}
	} else {
		dst = append(append(dst, f.scores...), '[')
		for i, score := range p.scores {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = appendNumber(dst, score)
		}
		dst = append(dst, ']')
	}
	dst = strconv.AppendQuote(append(dst, f.version...), d.Version)
	dst = strconv.AppendFloat(append(dst, f.latency...), float64(p.latency.Nanoseconds())/1e6, 'f', 3, 64)
	for i, name := range f.copies {
		if raw := p.event.Copy[i]; raw != nil {
			dst = append(append(dst, name...), raw...)
		}
	}
	return append(appendDegraded(dst, p.status, p.names), '}')
}

// appendDegraded appends `,"features":{"name":"status",…}` with the features whose values are not what the store
// would have said; nothing when there are none.
func appendDegraded(dst []byte, row []features.Status, names []string) []byte {
	before := `,"features":{`
	for i, status := range row {
		if !features.Degraded(status) {
			continue
		}
		dst = append(append(dst, before...), names[i]...)
		dst = append(append(append(dst, ':', '"'), status.String()...), '"')
		before = ","
	}
	if before == "," {
		dst = append(dst, '}')
	}
	return dst
}

// quoteJSON is text as a JSON string.
func quoteJSON(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // A string always marshals.
	}
	return string(quoted)
}

// appendNumber appends the shortest decimal that reads back as x, in JSON's form. x is finite.
func appendNumber(dst []byte, x float64) []byte {
	if abs := math.Abs(x); abs != 0 && (abs < 1e-6 || abs >= 1e21) {
		return strconv.AppendFloat(dst, x, 'e', -1, 64)
	}
	return strconv.AppendFloat(dst, x, 'f', -1, 64)
}
