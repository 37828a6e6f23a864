//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"
)

// tolerance is how far a probability may be from LightGBM's own: an ulp or two of a sum in another order.
const tolerance = 1e-12

// audit compares what stands in a scene's topics, record by record. Its findings fail the test; its counts are for the
// test to judge.
type audit struct {
	scene       *scene
	events      map[string]int // event number by millrace-id
	poison      map[string]*kgo.Record
	predictions map[string][]*kgo.Record
	order       []*kgo.Record // the predictions, in the order of each partition

	duplicates int            // predictions behind the first of their event
	letters    int            // dead letters behind the first of their record
	worst      float64        // distance from LightGBM
	versions   map[string]int // predictions by the version they name
	statuses   map[string]int // predictions by what became of the store's features; "" when nothing did
	errors     int
}

// audit reads all topics and checks what holds in every test: everything in the input, from the offsets on that are
// given by partition, is answered; nothing is answered that is not there; no score is wrong; a second copy has the same
// score; the order of each partition is kept; and every poison record is in the dead-letter topic as it came.
func (s *scene) audit(from map[int32]int64) *audit {
	s.t.Helper()
	a := &audit{
		scene: s, events: map[string]int{}, poison: map[string]*kgo.Record{}, predictions: map[string][]*kgo.Record{},
		versions: map[string]int{}, statuses: map[string]int{},
	}
	for _, record := range s.read(s.input()) {
		if record.Offset < from[record.Partition] {
			continue
		}
		id := fmt.Sprintf("%s/%d/%d", record.Topic, record.Partition, record.Offset)
		if number, err := strconv.Atoi(header(record, headerEvent)); err == nil {
			a.events[id] = number
		} else {
			a.poison[id] = record
		}
	}
	a.order = s.read(s.output())
	for _, record := range a.order {
		id := header(record, "millrace-id")
		a.predictions[id] = append(a.predictions[id], record)
	}
	a.checkEvents()
	a.checkOrder()
	a.checkDeadLetters(s.read(s.deadLetters()))
	s.t.Logf("%d events, %d poison records: %d predictions, %d of them second copies, and %d second dead letters; by version %v, by status %v; at most %.1e from LightGBM",
		len(a.events), len(a.poison), len(a.order), a.duplicates, a.letters, a.versions, a.statuses, a.worst)
	return a
}

// errorf reports a finding, up to the twentieth.
func (a *audit) errorf(format string, args ...any) {
	a.scene.t.Helper()
	if a.errors++; a.errors <= 20 {
		a.scene.t.Errorf(format, args...)
	}
}

// exactlyOnce finds second copies.
func (a *audit) exactlyOnce() {
	a.scene.t.Helper()
	if a.duplicates > 0 || a.letters > 0 {
		a.errorf("%d predictions and %d dead letters are second copies, want none", a.duplicates, a.letters)
	}
}

func (a *audit) checkEvents() {
	lost := 0
	for id, n := range a.events {
		copies := a.predictions[id]
		if len(copies) == 0 {
			lost++
			if lost <= 5 {
				a.errorf("event %d at %s has no prediction", n, id)
			}
			continue
		}
		for _, record := range copies {
			a.checkPrediction(record, n)
			a.checkCopy(copies[0], record)
		}
		a.duplicates += len(copies) - 1
	}
	if lost > 0 {
		a.errorf("%d of %d events have no prediction", lost, len(a.events))
	}
	for id, copies := range a.predictions {
		if _, known := a.events[id]; !known {
			a.errorf("%s is a prediction of %s, which is no good event", copies[0].Value, id)
		}
	}
}

// predictionForm is the six fields in their order, and the degraded features behind them.
var predictionForm = regexp.MustCompile(`^\{"transaction_id":([^,]+),"user_id":([^,]+),"fraud_probability":([-+.e0-9]+),"is_fraud":(true|false),` +
	`"model_version":"([^"]+)","latency_ms":([.0-9]+)(?:,"features":(\{[^}]+\}))?\}$`)

// checkCopy compares two answers to one event. Only their latencies may differ; where another model, or another state
// of Redis, gave the second one, it says so, and is judged by that.
func (a *audit) checkCopy(first, second *kgo.Record) {
	one, two := predictionForm.FindSubmatch(first.Value), predictionForm.FindSubmatch(second.Value)
	if one == nil || two == nil || !bytes.Equal(one[5], two[5]) || !bytes.Equal(one[7], two[7]) {
		return
	}
	if !bytes.Equal(one[3], two[3]) || !bytes.Equal(one[4], two[4]) {
		a.errorf("%s has two scores: %s and %s", header(first, "millrace-id"), first.Value, second.Value)
	}
}

// checkPrediction judges one prediction by itself: its form, its headers, its score.
func (a *audit) checkPrediction(record *kgo.Record, n int) {
	parts := predictionForm.FindSubmatch(record.Value)
	if parts == nil || !json.Valid(record.Value) {
		a.errorf("event %d: %s does not have the six fields in order", n, record.Value)
		return
	}
	if string(parts[1]) != idJSON(n) || string(parts[2]) != userJSON(userOf(n)) {
		a.errorf("event %d of user %s: %s names others", n, userJSON(userOf(n)), record.Value)
	}
	if want := userText(userOf(n)); string(record.Key) != want {
		a.errorf("event %d: the key is %q, want %q", n, record.Key, want)
	}
	if got, want := header(record, "traceparent"), traceparent(n); got != want {
		a.errorf("event %d: traceparent %q, want %q", n, got, want)
	}
	version, status := string(parts[5]), degraded(parts[7])
	a.versions[version]++
	a.statuses[status]++
	if name := header(record, "millrace-model"); !modelName.MatchString(name) || !strings.HasPrefix(name, version+"@") {
		a.errorf("event %d: millrace-model is %q, the prediction says %s", n, name, version)
	}
	want, err := expected(version, status, n)
	if err != nil {
		a.errorf("event %d: %s: %v", n, record.Value, err)
		return
	}
	score, err := strconv.ParseFloat(string(parts[3]), 64)
	distance := math.Abs(score - want)
	a.worst = max(a.worst, distance)
	if err != nil || !(distance <= tolerance) {
		a.errorf("event %d: %s, LightGBM says %v", n, record.Value, want)
	}
	if fraud := string(parts[4]) == "true"; fraud != (score > 0.5) {
		a.errorf("event %d: %s decides against its own score", n, record.Value)
	}
}

var modelName = regexp.MustCompile(`^[^@]+@[0-9a-f]{16}$`)

// degraded is the status that all the store's features have; "" for a prediction without any, "mixed" where they differ.
func degraded(object []byte) string {
	if object == nil {
		return ""
	}
	var features map[string]string
	if err := json.Unmarshal(object, &features); err != nil {
		return err.Error()
	}
	var status string
	for _, name := range featureNames()[2:] {
		if status != "" && features[name] != status {
			return "mixed"
		}
		status = features[name]
	}
	return status
}

// expected is LightGBM's prediction for event n by the model that a version names. The rows never change while a test
// runs, so a stale row is the row.
func expected(version, status string, n int) (float64, error) {
	r := shared.references[version]
	if r == nil {
		return 0, fmt.Errorf("no model was deployed as %q", version)
	}
	switch status {
	case "", "stale":
		return r.stored[n%kinds], nil
	case "default":
		return r.defaulted[n%kinds], nil
	}
	return 0, fmt.Errorf("its features are %s", status)
}

// checkOrder finds answers that overtook each other: in an output partition, the first copies of what one input
// partition held stand in the order of their offsets.
func (a *audit) checkOrder() {
	type lane struct{ output, input int32 }
	lasts, seen := map[lane]int64{}, map[string]bool{}
	for _, record := range a.order {
		id := header(record, "millrace-id")
		if seen[id] {
			continue
		}
		seen[id] = true
		parts := strings.Split(id, "/")
		if len(parts) != 3 {
			a.errorf("millrace-id is %q", id)
			continue
		}
		partition, err1 := strconv.ParseInt(parts[1], 10, 32)
		offset, err2 := strconv.ParseInt(parts[2], 10, 64)
		if err1 != nil || err2 != nil {
			a.errorf("millrace-id is %q", id)
			continue
		}
		at := lane{record.Partition, int32(partition)}
		if before, known := lasts[at]; known && offset < before {
			a.errorf("output partition %d: %s stands behind offset %d", record.Partition, id, before)
		}
		lasts[at] = offset
		if at.input != at.output {
			a.errorf("output partition %d holds %s: the key led elsewhere in the input", record.Partition, id)
		}
	}
}

// checkDeadLetters compares them with the poison records: the same bytes, null for null, the same key and headers, and
// behind them where the record stood and what is wrong with it.
func (a *audit) checkDeadLetters(letters []*kgo.Record) {
	got := map[string]int{}
	for _, letter := range letters {
		id := header(letter, "millrace-id")
		got[id]++
		in := a.poison[id]
		if in == nil {
			a.errorf("dead letter %s is no poison record: %s", id, header(letter, "millrace-error"))
			continue
		}
		if !same(letter.Value, in.Value) || !same(letter.Key, in.Key) {
			a.errorf("dead letter %s: key %s, value %s, want %s, %s", id, quote(letter.Key), quote(letter.Value), quote(in.Key), quote(in.Value))
		}
		if own := len(in.Headers); len(letter.Headers) < own || !slices.EqualFunc(letter.Headers[:own], in.Headers, sameHeader) {
			a.errorf("dead letter %s: headers %v do not begin with the record's own %v", id, letter.Headers, in.Headers)
		}
		if class := header(in, headerPoison); header(letter, "millrace-error-class") != class || !strings.Contains(header(letter, "millrace-error"), class) {
			a.errorf("dead letter %s: class %q, error %q, want %s", id, header(letter, "millrace-error-class"), header(letter, "millrace-error"), class)
		}
		where := []string{header(letter, "millrace-source-topic"), header(letter, "millrace-source-partition"), header(letter, "millrace-source-offset")}
		if strings.Join(where, "/") != id {
			a.errorf("dead letter %s says it stood at %v", id, where)
		}
	}
	for id := range a.poison {
		if got[id] == 0 {
			a.errorf("poison record %s is not in the dead-letter topic", id)
		}
		a.letters += max(got[id]-1, 0)
	}
}

// same compares bytes and tells null from empty.
func same(a, b []byte) bool { return (a == nil) == (b == nil) && bytes.Equal(a, b) }

// quote shows bytes, and tells null from empty.
func quote(b []byte) string {
	if b == nil {
		return "null"
	}
	return strconv.Quote(string(b))
}

func sameHeader(a, b kgo.RecordHeader) bool { return a.Key == b.Key && same(a.Value, b.Value) }

// header is the value of a record's header; empty when it has none.
func header(record *kgo.Record, key string) string {
	for _, h := range record.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}
