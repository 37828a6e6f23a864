// Package demo shows the whole system in one process with nothing to install: an in-process Kafka and Redis, simulated
// card traffic with stolen cards in it, and a visitor who swaps the model, hands in a broken one, and watches.
//
// It owns the simulation (World), the embedded parts (Stack), the traffic played into them, the looking at what comes
// out (observer) and the order of events (Run). It scores nothing: the service is started by the caller, the same one
// that production runs, and the demo knows only its brokers, its Redis and its base URL. World also writes the
// training data of the demo's models (see trainset), so that both agree.
//
// Invariants:
//   - World depends on its configuration alone: the same seed gives the same events, features and labels.
//   - An event is entered into the ledger before it is produced, and leaves it by one prediction or one dead letter.
//     What stays in it after the final wait is lost; an outcome that finds no entry is a duplicate.
//   - Every number printed was observed from outside: in the output topics, in the service's /metrics, or by the
//     demo's own clock. Latency counts from when the event was due, so that a stall cannot hide itself.
package demo
