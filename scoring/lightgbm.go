package scoring

import (
	"bytes"
	"errors"
	"fmt"
	"math"
)

// The reader of LightGBM's text format, versions v2 to v4, as src/boosting/gbdt_model_text.cpp and
// src/io/tree.cpp of LightGBM write it and LightGBM 4 reads it:
//
//	tree                      the header: key=value lines, and average_output bare, to a blank line
//	version=v4
//	…
//	Tree=0                    one block a tree, key=value lines to a blank line (lightgbm_tree.go)
//	…
//	end of trees              what follows are importances and training parameters: not read
//
// The reader is stricter than LightGBM, which takes what it does not know for nothing: here every key
// is known, and stands once.

// lightgbmHeader is the header, read but for the fields that cannot change a score.
type lightgbmHeader struct {
	version   string
	classes   int
	features  []string
	objective string
	link      link
	average   bool
	sizes     []int32 // The bytes of each tree's block; nil where the file does not say.
}

// readLightGBM reads a whole file. Errors name the line and the key.
func readLightGBM(data []byte) (*forest, error) {
	in := &lines{rest: data}
	in.next() // The word "tree", by which the format was recognised.
	header, err := readLightGBMHeader(in)
	if err != nil {
		return nil, fmt.Errorf("LightGBM text: %w", err)
	}
	trees, err := readLightGBMTrees(in, header)
	if err != nil {
		return nil, fmt.Errorf("LightGBM text: %w", err)
	}
	f := &forest{
		format:    "lightgbm " + header.version,
		objective: header.objective,
		features:  header.features,
		outputs:   header.classes,
		average:   header.average,
		link:      header.link,
		trees:     trees,
	}
	if err := f.check(); err != nil {
		return nil, fmt.Errorf("LightGBM text: %w", err)
	}
	if len(trees) == 0 && f.outputs > maxUnfitted {
		return nil, fmt.Errorf("LightGBM text: %d classes and no trees: the model was never trained", f.outputs)
	}
	if len(trees)%f.outputs != 0 {
		return nil, fmt.Errorf("LightGBM text: %d trees cannot be shared out to %d classes", len(trees), f.outputs)
	}
	return f, nil
}

func readLightGBMHeader(in *lines) (*lightgbmHeader, error) {
	fields := map[string]field{}
	for {
		line, ok := in.next()
		if !ok {
			return nil, fmt.Errorf("line %d: the file ends inside its header: it is cut short", in.number)
		}
		if len(line) == 0 {
			break
		}
		f := splitField(line, in.number)
		if !lightgbmHeaderKey(f.key) {
			return nil, fmt.Errorf("line %d: header field %s is not known, and might change scores", f.line, quoted([]byte(f.key)))
		}
		if _, twice := fields[f.key]; twice {
			return nil, f.failf("stands twice in the header")
		}
		fields[f.key] = f
	}
	for _, key := range []string{"version", "num_class", "num_tree_per_iteration", "max_feature_idx", "feature_names"} {
		if _, ok := fields[key]; !ok {
			return nil, fmt.Errorf("line %d: the header ends without %s", in.number, key)
		}
	}
	return newLightGBMHeader(fields, len(in.rest))
}

// lightgbmHeaderKey says which keys a header may hold. label_index, monotone_constraints and
// feature_infos describe the training and cannot change a score.
func lightgbmHeaderKey(key string) bool {
	switch key {
	case "version", "num_class", "num_tree_per_iteration", "max_feature_idx", "objective", "average_output",
		"feature_names", "tree_sizes", "label_index", "monotone_constraints", "feature_infos":
		return true
	}
	return false
}

// newLightGBMHeader makes sense of the header's fields; left is the number of bytes after it, which
// bounds how many trees there can be.
func newLightGBMHeader(fields map[string]field, left int) (*lightgbmHeader, error) {
	h := &lightgbmHeader{version: string(fields["version"].value)}
	if h.version != "v2" && h.version != "v3" && h.version != "v4" {
		return nil, fields["version"].failf("%s is not known; v2, v3 and v4 are read", quoted([]byte(h.version)))
	}
	var err error
	if h.classes, err = fields["num_class"].integer(1, math.MaxInt32); err != nil {
		return nil, err
	}
	perIteration, err := fields["num_tree_per_iteration"].integer(1, math.MaxInt32)
	if err != nil {
		return nil, err
	}
	if perIteration != h.classes {
		return nil, fields["num_tree_per_iteration"].failf("%d, but num_class is %d", perIteration, h.classes)
	}
	if h.features, err = lightgbmFeatures(fields); err != nil {
		return nil, err
	}
	if f, ok := fields["average_output"]; ok {
		if len(f.value) > 0 {
			return nil, f.failf("takes no value, has %s", quoted(f.value))
		}
		h.average = true
	}
	h.link = link{kind: linkIdentity, sigmoid: 1} // No objective line: trained with a custom one, so margins are scores.
	if f, ok := fields["objective"]; ok {
		h.objective = string(f.value)
		if h.link, err = parseObjective(h.objective, h.classes); err != nil {
			return nil, fmt.Errorf("line %d: %w", f.line, err)
		}
	}
	if f, ok := fields["tree_sizes"]; ok {
		h.sizes, err = lightgbmSizes(f, left)
	}
	return h, err
}

func lightgbmFeatures(fields map[string]field) ([]string, error) {
	last, err := fields["max_feature_idx"].integer(0, math.MaxInt32-1)
	if err != nil {
		return nil, err
	}
	for _, key := range []string{"feature_names", "feature_infos", "monotone_constraints"} {
		if f, ok := fields[key]; ok {
			if err := f.expect(last + 1); err != nil {
				return nil, err
			}
		}
	}
	names := fields["feature_names"].words()
	seen := make(map[string]bool, len(names))
	for _, name := range names {
		if seen[name] {
			return nil, fields["feature_names"].failf("%s stands twice", quoted([]byte(name)))
		}
		seen[name] = true
	}
	return names, nil
}

func lightgbmSizes(f field, left int) ([]int32, error) {
	sizes, err := numbers(f, f.count(), parseInt32)
	if err != nil {
		return nil, err
	}
	for i, size := range sizes {
		if size < 1 || int(size) > left {
			return nil, f.failf("tree %d is said to take %d bytes, and %d are left: the file is cut short or damaged", i, size, left)
		}
		left -= int(size)
	}
	return sizes, nil
}

var errEndOfTrees = errors.New("end of trees")

// readLightGBMTrees reads the blocks up to "end of trees" and holds them against tree_sizes: a block
// whose length is another than its writer's was cut, edited or damaged since.
func readLightGBMTrees(in *lines, h *lightgbmHeader) ([]tree, error) {
	reader := &lightgbmTreeReader{in: in, features: len(h.features)}
	trees := make([]tree, 0, len(h.sizes))
	for {
		t, size, err := reader.next(len(trees))
		if errors.Is(err, errEndOfTrees) {
			break
		}
		if err != nil {
			return nil, err
		}
		n := len(trees)
		t.output = int32(n % h.classes)
		if h.sizes != nil && n < len(h.sizes) && size != int(h.sizes[n]) {
			return nil, fmt.Errorf("line %d: Tree=%d takes %d bytes where tree_sizes says %d: the file was changed after LightGBM wrote it",
				in.number, n, size, h.sizes[n])
		}
		trees = append(trees, t)
	}
	if h.sizes != nil && len(h.sizes) != len(trees) {
		return nil, fmt.Errorf("line %d: %d trees where tree_sizes lists %d", in.number, len(trees), len(h.sizes))
	}
	return trees, nil
}

// isLightGBM says whether the data begins as LightGBM's text does: with the line "tree".
func isLightGBM(data []byte) bool {
	return bytes.HasPrefix(data, []byte("tree\n")) || bytes.HasPrefix(data, []byte("tree\r\n"))
}
