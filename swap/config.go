package swap

import (
	"fmt"
	"slices"
	"strings"

	"millrace/features"
	"millrace/scoring"
)

// Config names the model an instance serves and where its files may come from.
type Config struct {
	Path     string             `yaml:"path" doc:"model file to serve until a deployment says otherwise"`
	Name     string             `yaml:"name" doc:"name of the model this instance serves; deployments of others are ignored"`
	Roots    []string           `yaml:"roots" doc:"folders that deployments may name files in; default: the folder of model.path"`
	Engine   string             `yaml:"engine" doc:"what evaluates the trees: compiled, leaves or naive; all give the same scores"`
	Contract []features.Feature `yaml:"contract" doc:"the model's inputs, in order"`
}

// DefaultConfig serves the model named fraud with the recipe's five features, and no file until one is named.
func DefaultConfig() Config {
	return Config{Name: "fraud", Engine: scoring.EngineCompiled, Contract: features.DefaultFeatures()}
}

// Validate says in one line what is wrong with the configuration, or nil. The contract is judged by features.
func (c Config) Validate() error {
	if c.Name == "" {
		return fmt.Errorf("model.name is empty: name the model that this instance serves")
	}
	if c.Engine != "" && !slices.Contains(scoring.Engines(), c.Engine) {
		return fmt.Errorf("model.engine: %q is not known: use one of %s", c.Engine, strings.Join(scoring.Engines(), ", "))
	}
	return nil
}
