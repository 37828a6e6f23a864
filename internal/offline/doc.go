// Package offline is the body of `millrace score`: rows in from a file, scores out, by the same
// scoring.Model that the service uses.
//
// It owns the row formats, and the line on a terminal that says how far it has come. Rows come as CSV or
// NDJSON, scores leave as NDJSON, one a row and in the rows' order, in batches and with a bound on a
// row's bytes, so that memory does not grow with the input. It refuses what it would have to guess: a
// feature the row does not name, text where a number belongs, a number beyond float64. Rows before a
// refused one have been scored and written when Score returns its error. A score that overflowed, or is
// NaN, is written as null, since JSON has no number for it. What a row holds beside the model's features (an id, a label) is ignored.
//
// CSV begins with a header. Columns are matched by name, in any order. Only where the model's names are
// generic (Column_0, f0) and none of them is in the header are columns matched by position, and then
// there must be one a feature, and numbers in their names must rise. An empty cell is a missing value.
//
// NDJSON holds one value a line: an object of feature name → number, an array of numbers in the
// model's order, or a record of the served-features topic as it stands, whose "values" is either. null
// is a missing value.
package offline
