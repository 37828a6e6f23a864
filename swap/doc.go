// Package swap owns which model is live. A [Slot] holds the live [Deployment]: model, contract, threshold and
// version behind one pointer, so that a batch that loads it once is scored by one deployment whatever happens
// meanwhile. A [Watcher], which every instance runs, reads the deployments topic from its start to its end before
// the first event is polled, and follows it from there.
//
// The order is always the same: open the file, check it against its digest, read and verify the model, match its
// contract — and only then store the pointer, last, after everything that can fail. A deployment that fails leaves
// the live one serving and says why. Nothing on an event's way waits for any of it.
//
// The room refuses files outside the configured roots, whatever the deployment event says.
package swap
