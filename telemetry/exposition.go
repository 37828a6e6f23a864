package telemetry

import (
	"bufio"
	"bytes"
	"io"
	"strings"

	"github.com/VictoriaMetrics/metrics"
)

// writeMetrics writes the set and the metrics of the process and of the Go runtime in the Prometheus text format 0.0.4
// (prometheus.io/docs/instrumenting/exposition_formats/), each family with its HELP, where we have one, and its TYPE.
// The metrics library can write TYPE lines itself, but only by a switch for the whole process and with empty helps.
func writeMetrics(w io.Writer, set *metrics.Set) error {
	var plain bytes.Buffer
	set.WritePrometheus(&plain)
	metrics.WriteProcessMetrics(&plain)
	metrics.WriteFDMetrics(&plain)

	out := bufio.NewWriter(w)
	var family, kind string
	for line := range bytes.Lines(plain.Bytes()) {
		if line[0] == '#' {
			continue // The library's own metadata, should somebody have switched it on.
		}
		if name := sampleName(line); !within(name, family, kind) {
			family, kind = familyOf(name, line)
			if help := helpFor(family); help != "" {
				out.WriteString("# HELP " + family + " " + help + "\n")
			}
			out.WriteString("# TYPE " + family + " " + kind + "\n")
		}
		out.Write(line)
	}
	return out.Flush()
}

// sampleName is the name that a line begins with.
func sampleName(line []byte) string {
	return string(line[:max(bytes.IndexAny(line, "{ "), 0)])
}

// within reports whether a sample belongs to the family that was begun.
func within(name, family, kind string) bool {
	rest, ok := strings.CutPrefix(name, family)
	if !ok || family == "" {
		return false
	}
	switch rest {
	case "":
		return true
	case "_bucket":
		return kind == "histogram"
	case "_sum", "_count":
		return kind == "histogram" || kind == "summary"
	}
	return false
}

// familyOf names the family that a sample is the first of, and its type. The library's names tell: its counters end
// in _total, its histograms begin with a bucket. Where a name does not tell, the type is untyped rather than guessed.
func familyOf(name string, line []byte) (family, kind string) {
	if base, ok := strings.CutSuffix(name, "_bucket"); ok && bytes.Contains(line, []byte(`le="`)) {
		return base, "histogram"
	}
	switch {
	case bytes.Contains(line, []byte(`quantile="`)):
		return name, "summary"
	case strings.HasSuffix(name, "_total"):
		return name, "counter"
	case strings.HasSuffix(name, "_bucket"), strings.HasSuffix(name, "_sum"), strings.HasSuffix(name, "_count"):
		return name, "untyped"
	}
	return name, "gauge"
}

// helpFor is the phrase that explains one of our families; empty for the runtime's.
func helpFor(family string) string {
	switch family {
	case "ml_predictions_total":
		return "Predictions written, by the version of the model that made them."
	case "ml_prediction_latency_seconds":
		return "Time from the poll that brought an event to its encoded prediction."
	case "ml_fraud_score":
		return "Scores predicted."
	case "millrace_lag_records":
		return "Records of a partition that are not yet answered."
	case "millrace_lag_seconds":
		return "Age of the oldest record of a partition that is not yet answered."
	case "millrace_end_to_end_seconds":
		return "Time from an event's own timestamp to the acknowledgement of its prediction."
	case "millrace_stage_seconds":
		return "Time a batch spends in a stage of the pipeline."
	case "millrace_cache_hits_total":
		return "Feature rows answered from the cache."
	case "millrace_cache_misses_total":
		return "Feature rows that had to be fetched."
	case "millrace_cache_stale_total":
		return "Feature rows answered with a copy that could not be confirmed."
	case "millrace_degraded_total":
		return "Feature values that are not what the store would have said, by feature and status."
	case "millrace_dead_letters_total":
		return "Events written to the dead-letter topic, by the class of what is wrong with them."
	case "millrace_deployments_total":
		return "Deployments answered, by outcome."
	case "millrace_swap_seconds":
		return "Time from reading a deployment to its model being live."
	case "millrace_model_info":
		return "The live model; the value is 1."
	case "millrace_model_unrefereed":
		return "Whether the live model is one that leaves could not judge: 1 or 0."
	case "millrace_drift_psi":
		return "Population stability index of a feature against its baseline."
	case "millrace_queue_depth":
		return "Records of a partition that are fetched and wait to be scored."
	case "millrace_drops_total":
		return "Records that an optional sink had no room for."
	}
	return ""
}
