// Package scoring turns a model file into numbers: the numbers the library that trained the model
// would compute.
//
// It owns the formats, the arithmetic and the links. Open reads a file with a validating reader into one
// internal forest, makes an engine for it, has the engine refereed, and returns an immutable Model;
// Predict and PredictRaw evaluate rows. The room knows nothing of Kafka, Redis or where models come from.
//
// What it refuses, always by name and with the mend where there is one: formats it does not read
// (pickles, XGBoost's old binary, ONNX, archives), an objective or a field it does not know, every file
// in which a count, an index, a child or a number does not fit the rest, and every model on which its
// evaluators disagree. A field is ignored only where the reader lists it as one that cannot change a score.
//
// Invariants:
//   - Nothing is allocated from a number in a file before that number was held against the bytes that are
//     really there: memory stays within a small multiple of the file.
//   - Every node and every leaf of a tree is reached from its root exactly once, so evaluation ends.
//   - A Model never changes after Open and is safe for concurrent use; Predict allocates nothing and takes
//     no lock.
//   - A row's margin is one sum, in the trees' order, in the library's arithmetic (rules.go): it does not
//     depend on the rows around it, nor on the engine, and batch and single agree to the bit.
//
// Where things are:
//
//	open.go        formats, and what is refused by name   lightgbm*.go, lines.go   LightGBM's text
//	forest.go      what readers make and engines take     xgboost*.go              XGBoost's models, over
//	rules.go       the libraries' arithmetic              document.go              a document, which is
//	link*.go       from margins to scores                 json.go, ubjson.go       one of these
//	naive.go       the definition, executed               gblinear.go              linear models
//
//	compiled.go    chooses between the layouts:           bins.go, codebook.go     values become ranks
//	masks.go         tables, for small trees              columns.go               … as nodes see them
//	ranks.go         nodes, for single rows               kernels.go               the inner loops
//	rowsets.go       sets, for blocks of rows
//
//	referee.go     compares engines on                    leaves.go                the referee's own engine
//	probes.go      rows made to tell them apart           leaf_columns.go          … and its rows
//
// A new format is one file with its reader and one line in formats (open.go). The loops of kernels.go
// take slices and numbers only: that is where a version in vector instructions belongs.
package scoring
