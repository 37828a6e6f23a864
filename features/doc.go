// Package features turns an event's bytes and its entity's row in Redis into
// the numbers a model reads.
//
// It owns the contract (which inputs, in which order, of which type, from the
// event or from the store, with which default), the scanner that reads JSON
// straight into a row of float64, and the store: the connection to Redis, the
// cache of decoded rows in front of it, and the ladder of what is used when
// Redis does not answer.
//
// It refuses to guess. An event that is not one well-formed JSON object with
// every required field in its type is an EventError, and no part of it is
// used. What the store could not say is replaced by a default, and the status
// beside the value tells so.
//
// Invariants:
//   - Decode and an all-hit Fetch do not allocate.
//   - A value is Present only if the store said so, and no write of it whose
//     invalidation has reached this process came after. The race between a
//     fetch and an invalidation is closed by epochs: see cache.
//   - Fetch never waits longer than the configured timeout for Redis, and
//     returns no error but its context's.
//   - Decoded rows belong to the Contract they were decoded for; another
//     contract never sees them.
//   - Only Store.Run brings a lost connection back. Fetch never waits for a dial
//     but the first.
//
// To read it: contract.go, event.go, fetch.go; then scanner.go and cache.go.
package features
