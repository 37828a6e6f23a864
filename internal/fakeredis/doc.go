// Package fakeredis is a Redis inside the process, for tests and for the demo.
//
// The commands and the data are miniredis'. What miniredis lacks is added
// before its commands run: CLIENT TRACKING with broadcasting and prefixes, and
// the RESP3 invalidation pushes that follow every write, flush and expiry.
// The package owns the listener too, so that a test can take the server away
// and bring it back on the same port with its data (Stop, Restart), or let it
// accept and never answer (Freeze, Thaw).
//
// It refuses to be a reference: tracking without BCAST is answered by telling
// the client about every write, which is more than it asked for and never
// less, and a write that changed nothing is told about as well.
//
// Invariants:
//   - A push is written while the miniredis lock is held. All replies of many
//     parts (EXEC, MGET) are written under that lock, so no push can land
//     inside one.
//   - A push is flushed before the writer's own reply, and after every reply
//     that carried the old value.
package fakeredis
