package swap

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"millrace/features"
	"millrace/scoring"
)

// maxPath bounds a model_path: it stands in log lines and on the page.
const maxPath = 1024

// Loader makes deployments of files: a bare model file is served under the configured contract and threshold.
type Loader struct {
	contract  *features.Contract
	threshold *float64
	class     int
	roots     []string
	engine    string
}

// NewLoader makes a loader. Deployments may name files below cfg.Roots, or below the folder of cfg.Path where no
// roots are configured. threshold nil means that no decision is made; class is the score of several that a model has to
// have, negative for any.
func NewLoader(cfg Config, contract *features.Contract, threshold *float64, class int) *Loader {
	roots := cfg.Roots
	if len(roots) == 0 && cfg.Path != "" {
		roots = []string{filepath.Dir(cfg.Path)}
	}
	return &Loader{contract: contract, threshold: threshold, class: class, roots: roots, engine: cfg.Engine}
}

// Configured opens the file that the operator's own configuration names, wherever it is.
func (l *Loader) Configured(path string) (*Deployment, error) {
	file, err := os.OpenFile(path, scoring.OpenFlags, 0)
	if err != nil {
		return nil, fmt.Errorf("model.path: %w", err)
	}
	d, err := l.load(file, path, Event{})
	if err != nil {
		return nil, fmt.Errorf("model.path: %w", err)
	}
	return d, nil
}

// Deploy opens the file that a deployment event names: a relative path is looked for in the roots, in order; an
// absolute one has to lie in one of them. Symbolic links are followed as long as they stay inside the root.
func (l *Loader) Deploy(e Event) (*Deployment, error) {
	if len(l.roots) == 0 {
		return nil, errors.New("no folder is allowed for deployments: set model.roots")
	}
	if e.ModelPath == "" {
		return nil, errors.New("the event names no model_path")
	}
	if len(e.ModelPath) > maxPath {
		return nil, fmt.Errorf("model_path has %d bytes, the most is %d: file name too long", len(e.ModelPath), maxPath)
	}
	var firstErr error
	for _, dir := range l.roots {
		file, err := openBelow(dir, e.ModelPath)
		if err == nil {
			return l.load(file, e.ModelPath, e)
		}
		// What exists and cannot be read says more than what is not there.
		if firstErr == nil || errors.Is(firstErr, fs.ErrNotExist) {
			firstErr = err
		}
	}
	return nil, fmt.Errorf("model_path %q in %s: %w", e.ModelPath, strings.Join(l.roots, ", "), firstErr)
}

// openBelow opens a file in a folder that no path and no link can leave.
func openBelow(dir, path string) (*os.File, error) {
	if filepath.IsAbs(path) {
		abs, err := filepath.Abs(dir)
		if err != nil {
			return nil, err
		}
		rel, err := filepath.Rel(abs, filepath.Clean(path))
		if err != nil || !filepath.IsLocal(rel) {
			return nil, errors.New("the path is outside model.roots")
		}
		path = rel
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	return root.OpenFile(path, scoring.OpenFlags, 0)
}

// load reads, checks and matches; it closes file.
func (l *Loader) load(file *os.File, path string, e Event) (*Deployment, error) {
	data, err := scoring.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	if e.SHA256 != "" {
		if sum := sha256.Sum256(data); !strings.EqualFold(hex.EncodeToString(sum[:]), e.SHA256) {
			return nil, fmt.Errorf("%s has sha256 %x, the event says %s", path, sum, e.SHA256)
		}
	}
	model, err := scoring.Open(data, scoring.Options{Engine: l.engine})
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if err := l.contract.Order(model.FeatureNames()); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	if l.class >= model.Outputs() {
		return nil, fmt.Errorf("%s: it has %d outputs and output.class is %d: name one from 0 to %d",
			path, model.Outputs(), l.class, model.Outputs()-1)
	}
	version := e.Version
	if version == "" {
		version = strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	}
	if err := checkVersion(version); err != nil {
		return nil, err
	}
	return &Deployment{
		Version: version, Digest: Digest(data, l.contract, l.threshold), Path: path, Source: e.Source,
		Model: model, Contract: l.contract, Threshold: l.threshold, Since: time.Now(),
	}, nil
}

// Digest is the first 16 hex digits of the sha256 over all that fixes a score: the model's bytes, then a line with
// the canonical contract, one with the threshold (shortest decimal, or none), one with the number of iterations
// used (0 means all).
func Digest(model []byte, contract *features.Contract, threshold *float64) string {
	h := sha256.New()
	h.Write(model)
	limit := "none"
	if threshold != nil {
		limit = strconv.FormatFloat(*threshold, 'g', -1, 64)
	}
	fmt.Fprintf(h, "\n%s\nthreshold %s\niterations 0\n", contract.Canonical(), limit)
	return hex.EncodeToString(h.Sum(nil))[:16]
}
