//go:build integration

package integration

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
)

// reference is what LightGBM itself predicts with one model, for every kind of event.
type reference struct {
	stored    []float64 // with the user's row
	defaulted []float64 // with the defaults of the contract instead
}

// newReferences asks LightGBM about all rows at once, once a model. The models are named by their files, without the
// extension.
func newReferences(t tools, root, dir string, models ...string) (map[string]*reference, error) {
	rows := filepath.Join(dir, "rows.csv")
	if err := writeRows(rows); err != nil {
		return nil, err
	}
	references := map[string]*reference{}
	for _, model := range models {
		predict := exec.Command(t.python, filepath.Join(root, "testdata", "predict.py"), modelPath(root, model), rows)
		var stderr bytes.Buffer
		predict.Stderr = &stderr
		out, err := predict.Output()
		if err != nil {
			return nil, fmt.Errorf("ask LightGBM about %s: %w\n%s", model, err, stderr.Bytes())
		}
		scores, err := readScores(out)
		if err != nil {
			return nil, fmt.Errorf("read what LightGBM says of %s: %w", model, err)
		}
		references[model] = &reference{stored: scores[:kinds], defaulted: scores[kinds:]}
	}
	return references, nil
}

func modelPath(root, model string) string {
	return filepath.Join(root, "testdata", "models", model+".txt")
}

func writeRows(path string) error {
	var text bytes.Buffer
	fmt.Fprintln(&text, strings.Join(featureNames(), ","))
	for _, stored := range []bool{true, false} {
		for n := range kinds {
			var cells []string
			for _, x := range modelRow(n, stored) {
				cells = append(cells, number(x))
			}
			fmt.Fprintln(&text, strings.Join(cells, ","))
		}
	}
	return os.WriteFile(path, text.Bytes(), 0o600)
}

func readScores(text []byte) ([]float64, error) {
	var scores []float64
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		score, err := strconv.ParseFloat(lines.Text(), 64)
		if err != nil {
			return nil, err
		}
		scores = append(scores, score)
	}
	if len(scores) != 2*kinds {
		return nil, fmt.Errorf("%d scores for %d rows", len(scores), 2*kinds)
	}
	return scores, nil
}
