package telemetry

import (
	"fmt"
	"io"
	"log/slog"
)

// LogConfig says how much is logged and in which form.
type LogConfig struct {
	Level  string `yaml:"level" doc:"least level to log: debug, info, warn or error"`
	Format string `yaml:"format" doc:"text or json"`
}

// DefaultLogConfig logs from info upwards as text.
func DefaultLogConfig() LogConfig { return LogConfig{Level: "info", Format: "text"} }

// Validate says what is wrong with the configuration in one line that names the key and the mend, or nil.
func (c LogConfig) Validate() error {
	_, err := NewLogger(io.Discard, c)
	return err
}

// NewLogger makes the process's logger, writing to w. An error names the setting that is no level or no format.
func NewLogger(w io.Writer, cfg LogConfig) (*slog.Logger, error) {
	options := &slog.HandlerOptions{}
	switch cfg.Level {
	case "debug":
		options.Level = slog.LevelDebug
	case "info":
		options.Level = slog.LevelInfo
	case "warn":
		options.Level = slog.LevelWarn
	case "error":
		options.Level = slog.LevelError
	default:
		return nil, fmt.Errorf("log.level: %q is not one of debug, info, warn, error", cfg.Level)
	}
	switch cfg.Format {
	case "text":
		return slog.New(slog.NewTextHandler(w, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, options)), nil
	}
	return nil, fmt.Errorf("log.format: %q is neither text nor json", cfg.Format)
}
