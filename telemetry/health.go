package telemetry

import (
	"encoding/json"
	"net/http"
)

// Check is one condition of readiness, asked at every probe and every refresh of the page: Err must answer at once.
type Check struct {
	Name string       // What the reason is shown under: model, group, output.
	Err  func() error // Nil when content, else the reason in one line.
}

// Reasons are what keeps the instance from being ready, by the names of the checks. JSON objects of it have their
// keys in alphabetical order, so an unchanged state is an unchanged text.
type Reasons map[string]string

// unready asks all checks; the answer is empty when all are content, and never nil.
func unready(checks []Check) Reasons {
	reasons := Reasons{}
	for _, check := range checks {
		if err := check.Err(); err != nil {
			reasons[check.Name] = err.Error()
		}
	}
	return reasons
}

// healthz answers for as long as there is a server: the process is alive. Whether it can do its work is /readyz's.
func healthz(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte("ok\n"))
}

// readyz answers 200 {"ready":true}, or 503 {"ready":false,"reasons":{"model":"…"}}.
func readyz(checks []Check) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		var answer struct {
			Ready   bool    `json:"ready"`
			Reasons Reasons `json:"reasons,omitempty"`
		}
		answer.Reasons = unready(checks)
		answer.Ready = len(answer.Reasons) == 0
		code := http.StatusOK
		if !answer.Ready {
			code = http.StatusServiceUnavailable
		}
		writeJSON(w, code, answer)
	}
}

// writeJSON answers with one JSON value. What we answer with can always be encoded; an error is the reader's going
// away, and nobody is left to tell.
func writeJSON(w http.ResponseWriter, code int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(value)
}
