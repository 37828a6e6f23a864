// Package consumer is Kafka in and out: it reads the input topic as a member of a consumer group, hands each
// partition's records to that partition's own [Handler] in batches, produces what the handler answers, and
// commits an offset only when every output of its record, and of all records before it, is acknowledged.
//
// It owns the client, the group membership, the goroutines (one a partition, and the poll loop), the queues
// between them, the start positions and the dead letters. It knows nothing of events, features or models:
// a record is bytes to it.
//
// What holds, each with a test:
//
//   - One goroutine owns one partition and its handler's scratch memory; order within a partition is kept.
//   - The poll loop never blocks on a partition: a full queue pauses that partition's fetching, nothing else.
//   - A mark follows the acknowledgement. A revoke waits for the worker, commits, then returns; a worker that
//     outlives four fifths of the rebalance timeout is given up unmarked; a lost partition is never committed.
//   - A failed produce is never passed over: the worker goes back to its first unmarked record, backs off and
//     goes on from there. Where the client itself is beyond repair, a new one takes its place.
//   - With start: latest, every partition's start is committed before the group is joined, so nothing that
//     arrives from then on is missed, not even in a partition that stays silent until after a restart.
//
// It refuses to drop a record: what cannot be scored goes to the dead-letter topic whole, and where that topic
// cannot be written the line stops and says so.
package consumer
