package scoring

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"strconv"
	"sync"

	"github.com/dmitryikh/leaves"
)

// leavesEngine has github.com/dmitryikh/leaves find the leaf in which a row ends in every tree, and adds
// up what those leaves are worth. leaves gets the forest as LightGBM text v3, the newest dialect it reads
// (its lgensemble_io.go), as one sum of trees without an objective, and rows in a form in which it
// decides as the forest's library does (leafColumns). So it serves every forest of trees, whatever
// library made it and whatever its leaves hold.
type leavesEngine struct {
	forest   *forest
	columns  *leafColumns
	ensemble *leaves.Ensemble
	pool     sync.Pool // Of *leavesScratch.
}

// leavesScratch is one row in leaves' form, and the leaves in which it ends.
type leavesScratch struct{ row, ends []float64 }

// newLeavesEngine hands the forest over. leaves panics on what it does not expect; the readers have ruled
// out every case known, and whatever is left becomes an error here.
func newLeavesEngine(f *forest, b *bins) (engine *leavesEngine, err error) {
	if len(f.trees) == 0 {
		return nil, fmt.Errorf("%w: it has no trees", errBeyondLeaves)
	}
	columns, err := newLeafColumns(f, b)
	if err != nil {
		return nil, err
	}
	defer func() {
		if p := recover(); p != nil {
			engine, err = nil, fmt.Errorf("leaves panicked over the forest: %v", p)
		}
	}()
	text := &leavesText{forest: f, columns: columns}
	ensemble, err := leaves.LGEnsembleFromReader(bufio.NewReaderSize(text, 1<<16), false)
	if err != nil {
		return nil, fmt.Errorf("leaves does not take the forest: %w", err)
	}
	if n := ensemble.NEstimators(); n != len(f.trees) {
		return nil, fmt.Errorf("leaves took %d of %d trees", n, len(f.trees))
	}
	e := &leavesEngine{forest: f, columns: columns, ensemble: ensemble.EnsembleWithLeafPredictions()}
	e.pool.New = func() any {
		return &leavesScratch{row: make([]float64, columns.width), ends: make([]float64, len(f.trees))}
	}
	return e, nil
}

func (e *leavesEngine) layout() string { return "leaves" }

func (e *leavesEngine) margins(dst, rows []float64) error {
	in, out := len(e.forest.features), e.forest.outputs
	s := e.pool.Get().(*leavesScratch)
	defer e.pool.Put(s)
	for ; len(rows) > 0; rows, dst = rows[in:], dst[out:] {
		if err := e.find(s, rows[:in]); err != nil {
			return err
		}
		row := dst[:out:out]
		e.forest.begin(row)
		for i, leaf := range s.ends {
			e.forest.add(row, &e.forest.trees[i], int32(leaf), rows[:in])
		}
	}
	return nil
}

func (e *leavesEngine) exits(dst []int32, row []float64) error {
	s := e.pool.Get().(*leavesScratch)
	defer e.pool.Put(s)
	if err := e.find(s, row); err != nil {
		return err
	}
	for i, leaf := range s.ends {
		dst[i] = int32(leaf)
	}
	return nil
}

// find has leaves find the row's leaves.
func (e *leavesEngine) find(s *leavesScratch, row []float64) error {
	if !e.columns.direct {
		e.columns.translate(s.row, row)
		row = s.row
	}
	if err := e.ensemble.Predict(row, 0, s.ends); err != nil {
		return fmt.Errorf("leaves: %w", err)
	}
	return nil
}

// leavesText is the forest as a stream in leaves' dialect, written one tree ahead of its reader, so
// that the whole text never stands in memory. A block ends with exactly one blank line: at a second
// one leaves would read an empty tree.
type leavesText struct {
	forest  *forest
	columns *leafColumns
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
	fmt.Fprintf(&w.pending, "tree\nversion=v3\nnum_class=1\nnum_tree_per_iteration=1\nmax_feature_idx=%d\ntree_sizes=", w.columns.width-1)
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
	boundaries, words := w.columns.sets(t)
	fmt.Fprintf(&w.pending, "num_leaves=%d\nnum_cat=%d\n", t.leafCount(), max(len(boundaries)-1, 0))
	if len(t.nodes) > 0 {
		w.nodes(t)
	}
	// What a leaf is worth is not asked of leaves.
	list(w, "leaf_value", t.leafCount(), func(b []byte, _ int) []byte { return append(b, '0') })
	if len(boundaries) > 0 {
		list(w, "cat_boundaries", len(boundaries), func(b []byte, i int) []byte { return strconv.AppendUint(b, uint64(boundaries[i]), 10) })
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
		return strconv.AppendFloat(b, nodes[i].threshold, 'g', -1, 64)
	})
	list(w, "decision_type", len(nodes), func(b []byte, i int) []byte {
		return strconv.AppendUint(b, uint64(decisionBits(&nodes[i])), 10)
	})
	list(w, "left_child", len(nodes), func(b []byte, i int) []byte { return strconv.AppendInt(b, int64(nodes[i].left), 10) })
	list(w, "right_child", len(nodes), func(b []byte, i int) []byte { return strconv.AppendInt(b, int64(nodes[i].right), 10) })
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

// decisionBits is decision_type as LightGBM writes it (decide in lightgbm_tree.go reads it).
func decisionBits(n *node) uint8 {
	bits := uint8(n.missing) << 2
	if n.categorical {
		return bits | 1
	}
	if n.defaultLeft {
		bits |= 2
	}
	return bits
}
