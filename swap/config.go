package swap

import "millrace/features"

// Config names the model an instance serves and where its files may come from.
type Config struct {
	Path     string             `yaml:"path" doc:"model file to serve until a deployment says otherwise"`
	Name     string             `yaml:"name" doc:"name of the model this instance serves; deployments of others are ignored"`
	Roots    []string           `yaml:"roots" doc:"folders that deployments may name files in; default: the folder of model.path"`
	Contract []features.Feature `yaml:"contract" doc:"the model's inputs, in order"`
}

// DefaultConfig serves the model named fraud with the recipe's five features, and no file until one is named.
func DefaultConfig() Config {
	return Config{Name: "fraud", Contract: features.DefaultFeatures()}
}
