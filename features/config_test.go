package features

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/google/go-cmp/cmp"
)

func TestConfigFromYAML(t *testing.T) {
	config, redis := DefaultConfig(), DefaultRedis()
	if err := yaml.UnmarshalWithOptions([]byte("{layout: hash, cache_bytes: 64MiB, cache_ttl: 10s, timeout: 5ms}"), &config, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalWithOptions([]byte("{addrs: ['r:1'], db: 2, tls: {enabled: true, server_name: r}}"), &redis, yaml.Strict()); err != nil {
		t.Fatal(err)
	}
	want := Config{"features:", HashLayout, 64 << 20, 10 * time.Second, 5 * time.Minute, 5 * time.Millisecond, Degrade}
	if diff := cmp.Diff(want, config); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(Redis{Addrs: []string{"r:1"}, DB: 2, TLS: TLS{Enabled: true, ServerName: "r"}}, redis); diff != "" {
		t.Error(diff)
	}
}

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{
		"0": 0, "134217728": 1 << 27, "128MiB": 1 << 27, "1 GiB": 1 << 30, "64kB": 64000, "1.5KiB": 1536, "7B": 7,
	} {
		var got Bytes
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: %d, %v; want %d", text, got, err, want)
		}
		if err := yaml.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("yaml %q: %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "MiB", "12 parsecs", "NaN", "1e30", "inf"} {
		var got Bytes
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is %d", text, got)
		}
	}
}

func TestBadConfigurationIsRefused(t *testing.T) {
	garbage := filepath.Join(t.TempDir(), "garbage.pem")
	if err := os.WriteFile(garbage, []byte("no PEM"), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := []struct {
		want string
		edit func(*Config, *Redis)
	}{
		{"features.key_prefix", func(c *Config, _ *Redis) { c.KeyPrefix = "" }},
		{"features.layout \"list\"", func(c *Config, _ *Redis) { c.Layout = "list" }},
		{"features.cache_bytes", func(c *Config, _ *Redis) { c.CacheBytes = -1 }},
		{"features.cache_ttl", func(c *Config, _ *Redis) { c.CacheTTL = -1 }},
		{"features.max_stale", func(c *Config, _ *Redis) { c.MaxStale = -1 }},
		{"features.timeout", func(c *Config, _ *Redis) { c.Timeout = 0 }},
		{"not available yet", func(c *Config, _ *Redis) { c.Policy = "wait" }},
		{"features.policy", func(c *Config, _ *Redis) { c.Policy = "hope" }},
		{"redis.addrs", func(_ *Config, r *Redis) { r.Addrs = nil }},
		{"clusters are not available", func(_ *Config, r *Redis) { r.Addrs = []string{"a:1", "b:1"} }},
		{"redis.db", func(_ *Config, r *Redis) { r.DB = -1 }},
		{"redis.password", func(_ *Config, r *Redis) { r.Username = "me" }},
		{"redis.tls.enabled is false", func(_ *Config, r *Redis) { r.TLS = TLS{CA: garbage} }},
		{"redis.tls.ca", func(_ *Config, r *Redis) { r.TLS = TLS{Enabled: true, CA: garbage + "x"} }},
		{"holds no PEM certificate", func(_ *Config, r *Redis) { r.TLS = TLS{Enabled: true, CA: garbage} }},
		{"give both or neither", func(_ *Config, r *Redis) { r.TLS = TLS{Enabled: true, Cert: garbage} }},
		{"redis.tls.cert", func(_ *Config, r *Redis) { r.TLS = TLS{Enabled: true, Cert: garbage, Key: garbage} }},
	}
	for _, tc := range cases {
		config, redis := DefaultConfig(), DefaultRedis()
		tc.edit(&config, &redis)
		_, err := NewStore(config, redis, nil, nil)
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("error %v, want one line with %q", err, tc.want)
		}
	}
}
