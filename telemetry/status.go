package telemetry

import "time"

// Status is what the ops page shows, filled by main and served as JSON at /status. Counts run since the start.
type Status struct {
	Instance    string       `json:"instance"`
	Version     string       `json:"version"`          // The program's own.
	Ready       bool         `json:"ready"`            // Filled by the server from its checks.
	Reasons     Reasons      `json:"reasons"`          // Filled by the server; empty when ready.
	Model       *Model       `json:"model"`            // Nil while there is none.
	Predictions uint64       `json:"predictions"`      // Over all model versions.
	DeadLetters uint64       `json:"dead_letters"`     // Over all classes.
	LatencyP50  float64      `json:"latency_p50"`      // In seconds, of the last seconds; 0 if there was nothing to measure.
	LatencyP99  float64      `json:"latency_p99"`      // As LatencyP50.
	Cache       CacheStatus  `json:"cache"`            // Of feature rows.
	Partitions  []Partition  `json:"partitions"`       // Those this instance owns, in the order to show them.
	Deployments []Deployment `json:"deployments"`      // The last ones, the newest first.
	Started     time.Time    `json:"started,omitzero"` // When the process began to serve.
}

// Model is the live model.
type Model struct {
	Version  string    `json:"version"`
	Digest   string    `json:"digest"`
	Format   string    `json:"format"` // Such as "lightgbm v4".
	Trees    int       `json:"trees"`
	Engine   string    `json:"engine"`   // What evaluates it, and how: "compiled (masks)".
	Referee  string    `json:"referee"`  // "leaves", or "unrefereed: " and why.
	Since    time.Time `json:"since"`    // When it became live here.
	Contract []string  `json:"contract"` // Its inputs, in order.
}

// CacheStatus counts feature rows by how they were answered.
type CacheStatus struct {
	Hits   uint64 `json:"hits"`
	Misses uint64 `json:"misses"`
	Stale  uint64 `json:"stale"`
}

// Partition is one partition of the input topic.
type Partition struct {
	Topic     string `json:"topic"`
	Partition int32  `json:"partition"`
	Lag       int64  `json:"lag"`   // Records not yet answered.
	Queue     int    `json:"queue"` // Records fetched and waiting.
}

// Deployment is one answered deployment.
type Deployment struct {
	At      time.Time `json:"at"`
	Version string    `json:"version"`
	Outcome string    `json:"outcome"`          // The state that was answered: live, rejected, superseded …
	Reason  string    `json:"reason,omitempty"` // Why it was rejected.
	Took    float64   `json:"took"`             // Seconds from reading it to the outcome.
}
