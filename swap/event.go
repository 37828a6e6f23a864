package swap

import (
	"encoding/json"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Event asks for a model to be deployed. The path alone is enough.
type Event struct {
	ModelPath string `json:"model_path"`
	Version   string `json:"version,omitempty"` // default: the file's name without its extension
	SHA256    string `json:"sha256,omitempty"`  // hex digest the file must have
	Mode      string `json:"mode,omitempty"`    // live, the default; shadow and canary are refused for now
	Action    string `json:"action,omitempty"`  // deploy, the default; others are refused for now

	Source string `json:"-"` // topic/partition/offset of the event
}

// maxVersion bounds a version's length: it is a metric label and a header of every prediction.
const maxVersion = 128

// parseEvent reads an event of the deployments topic. Fields it does not know are ignored: they may be notes.
func parseEvent(r *kgo.Record) (Event, error) {
	e := Event{Source: fmt.Sprintf("%s/%d/%d", r.Topic, r.Partition, r.Offset)}
	if err := json.Unmarshal(r.Value, &e); err != nil {
		return e, fmt.Errorf("the event is not a deployment in JSON: %w", err)
	}
	switch {
	case e.Mode != "" && e.Mode != "live":
		return e, fmt.Errorf("mode %q is not available: only live is", e.Mode)
	case e.Action != "" && e.Action != "deploy":
		return e, fmt.Errorf("action %q is not available: only deploy is", e.Action)
	}
	return e, nil
}

// checkVersion refuses a version that could not stand in a metric label, a header and a prediction alike.
func checkVersion(version string) error {
	if version == "" || len(version) > maxVersion {
		return fmt.Errorf("the version has %d bytes, it takes 1 to %d", len(version), maxVersion)
	}
	for _, c := range version {
		if c <= ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return fmt.Errorf("the version %q has characters other than printable ASCII: name one in the event", version)
		}
	}
	return nil
}
