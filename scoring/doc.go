// Package scoring turns a model file into numbers: the numbers the library that trained the model
// would compute.
//
// It owns the formats, the arithmetic and the links. Open reads a file with a validating reader into
// one internal forest, hands the forest to an engine and returns an immutable Model; Predict and
// PredictRaw evaluate rows. The room knows nothing of Kafka, Redis, files or where models come from.
//
// What it refuses, always by name and with the mend where there is one: formats it does not read
// (pickles, XGBoost, ONNX, archives), an objective, a header field or a tree field it does not know,
// linear trees, and every file in which a count, an index, a child or a number does not fit the rest.
// A field is ignored only where the reader lists it as one that cannot change a score.
//
// Invariants:
//   - Nothing is allocated from a number in a file before that number was held against the bytes
//     that are really there: memory stays within a small multiple of the file.
//   - Every node and every leaf of a tree is reached from its root exactly once, so evaluation ends.
//   - A Model never changes after Open and is safe for concurrent use; Predict allocates nothing.
//   - A row's score does not depend on the rows around it: batch and single agree to the bit.
//
// In this version the trees are evaluated by github.com/dmitryikh/leaves, which gets the forest in a
// dialect and rows in a form that it reads exactly (leaves.go); sums are its own, in LightGBM's
// order, and averages and links are ours (link.go).
package scoring
