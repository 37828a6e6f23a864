package scoring

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"

	"github.com/dmitryikh/leaves"
)

// leavesEngine evaluates a forest with github.com/dmitryikh/leaves. It gets the forest as LightGBM
// text v3, the newest dialect it reads, raw: without the objective, which it knows in part only, and
// without average_output, where it departs from LightGBM. So what it computes is what it computes
// exactly: the sums of the leaves' values, tree after tree in float64.
type leavesEngine struct {
	ensemble *leaves.Ensemble
	columns  *columns
}

// newLeavesEngine hands the forest over. leaves panics on what it does not expect; the reader has
// ruled out every case known, and whatever is left becomes an error here.
func newLeavesEngine(f *forest) (engine *leavesEngine, err error) {
	defer func() {
		if p := recover(); p != nil {
			engine, err = nil, fmt.Errorf("leaves panicked over the forest: %v", p)
		}
	}()
	for i := range f.trees {
		if err := leavesKnows(&f.trees[i]); err != nil {
			return nil, fmt.Errorf("tree %d: %w", i, err)
		}
	}
	columns := newColumns(f)
	text := &leavesText{forest: f, columns: columns}
	ensemble, err := leaves.LGEnsembleFromReader(bufio.NewReaderSize(text, 1<<16), false)
	if err != nil {
		return nil, fmt.Errorf("leaves does not take the forest: %w", err)
	}
	if n := ensemble.NEstimators() * f.outputs; n != len(f.trees) {
		return nil, fmt.Errorf("leaves took %d of %d trees", n, len(f.trees))
	}
	return &leavesEngine{ensemble: ensemble, columns: columns}, nil
}

// leavesKnows refuses the one thing a valid tree may hold that leaves cannot express.
func leavesKnows(t *tree) error {
	for i := range t.nodes {
		n := &t.nodes[i]
		if n.categorical && !anyBit(t.bits[n.set[0]:n.set[1]]) {
			return fmt.Errorf("node %d tells categories apart with an empty set, which leaves does not read", i)
		}
	}
	return nil
}

func anyBit(words []uint32) bool {
	for _, w := range words {
		if w != 0 {
			return true
		}
	}
	return false
}

// predict writes the margins of one row to dst.
func (e *leavesEngine) predict(dst, row []float64) error {
	if e.columns.direct() {
		return e.ensemble.Predict(row, 0, dst)
	}
	s := e.columns.take(row)
	err := e.ensemble.Predict(s.row, 0, dst)
	e.columns.give(s)
	return err
}

// leavesText is the forest as a stream in leaves' dialect, written one tree ahead of its reader, so
// that the whole text never stands in memory. A block ends with exactly one blank line: at a second
// one leaves would read an empty tree.
type leavesText struct {
	forest  *forest
	columns *columns
	pending bytes.Buffer
	blocks  int // Written so far; the first is the header.
}

// Read gives the next piece of the text.
func (w *leavesText) Read(p []byte) (int, error) {
	for w.pending.Len() == 0 {
		switch {
		case w.blocks == 0:
			w.header()
		case w.blocks <= len(w.forest.trees):
			w.tree(&w.forest.trees[w.blocks-1])
		default:
			return 0, io.EOF
		}
		w.blocks++
	}
	return w.pending.Read(p)
}

func (w *leavesText) header() {
	fmt.Fprintf(&w.pending, "tree\nversion=v3\nnum_class=%d\nnum_tree_per_iteration=%d\nmax_feature_idx=%d\ntree_sizes=",
		w.forest.outputs, w.forest.outputs, w.columns.width-1)
	// leaves reads the number of trees off this list and nothing else.
	for i := range w.forest.trees {
		if i > 0 {
			w.pending.WriteByte(' ')
		}
		w.pending.WriteByte('1')
	}
	w.pending.WriteString("\n\n")
}

func (w *leavesText) tree(t *tree) {
	sets, words := w.sets(t)
	fmt.Fprintf(&w.pending, "num_leaves=%d\nnum_cat=%d\n", len(t.leaves), max(len(sets)-1, 0))
	if len(t.nodes) > 0 {
		w.nodes(t)
	}
	list(w, "leaf_value", len(t.leaves), func(b []byte, i int) []byte { return appendFloat(b, t.leaves[i]) })
	if len(sets) > 0 {
		list(w, "cat_boundaries", len(sets), func(b []byte, i int) []byte { return strconv.AppendUint(b, uint64(sets[i]), 10) })
		list(w, "cat_threshold", len(words), func(b []byte, i int) []byte { return strconv.AppendUint(b, uint64(words[i]), 10) })
	}
	w.pending.WriteByte('\n')
}

func (w *leavesText) nodes(t *tree) {
	nodes, set := t.nodes, 0
	list(w, "split_feature", len(nodes), func(b []byte, i int) []byte {
		return strconv.AppendInt(b, int64(w.columns.of(&nodes[i])), 10)
	})
	list(w, "threshold", len(nodes), func(b []byte, i int) []byte {
		if nodes[i].categorical {
			set++
			return strconv.AppendInt(b, int64(set-1), 10)
		}
		return appendFloat(b, nodes[i].threshold)
	})
	list(w, "decision_type", len(nodes), func(b []byte, i int) []byte {
		return strconv.AppendUint(b, uint64(decisionBits(&nodes[i])), 10)
	})
	list(w, "left_child", len(nodes), func(b []byte, i int) []byte { return strconv.AppendInt(b, int64(nodes[i].left), 10) })
	list(w, "right_child", len(nodes), func(b []byte, i int) []byte { return strconv.AppendInt(b, int64(nodes[i].right), 10) })
}

// sets lays the category sets out anew, one a categorical node in the order of the nodes.
func (w *leavesText) sets(t *tree) (boundaries, words []uint32) {
	for i := range t.nodes {
		if n := &t.nodes[i]; n.categorical {
			if boundaries == nil {
				boundaries = []uint32{0}
			}
			words = append(words, t.bits[n.set[0]:n.set[1]]...)
			boundaries = append(boundaries, uint32(len(words)))
		}
	}
	return boundaries, words
}

// list writes one array as a line.
func list(w *leavesText, key string, n int, item func([]byte, int) []byte) {
	w.pending.WriteString(key)
	sep := byte('=')
	for i := range n {
		w.pending.WriteByte(sep)
		w.pending.Write(item(w.pending.AvailableBuffer(), i))
		sep = ' '
	}
	w.pending.WriteByte('\n')
}

func appendFloat(b []byte, v float64) []byte {
	return strconv.AppendFloat(b, v, 'g', -1, 64)
}

// decisionBits is decision_type as LightGBM writes it (decide in lightgbm_tree.go reads it).
func decisionBits(n *node) uint8 {
	bits := uint8(n.missing) << 2
	if n.categorical {
		bits |= 1
	}
	if n.defaultLeft {
		bits |= 2
	}
	return bits
}
