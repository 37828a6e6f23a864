package features

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"time"
)

// StoreLayout is how an entity's row is kept in Redis.
type StoreLayout string

// The layouts.
const (
	JSONLayout StoreLayout = "json" // A string that holds one JSON object.
	HashLayout StoreLayout = "hash" // A hash with a field for each feature.
)

// Degrade is the policy of scoring with stale or default values when Redis
// fails, and the only one so far.
const Degrade = "degrade"

// Config is how rows are kept, cached and waited for.
type Config struct {
	KeyPrefix  string        `yaml:"key_prefix" doc:"text before the entity in the key of its row"`
	Layout     StoreLayout   `yaml:"layout" doc:"json: a string with one JSON object; hash: a hash with a field for each feature"`
	CacheBytes Bytes         `yaml:"cache_bytes" doc:"memory for decoded rows, such as 128MiB"`
	CacheTTL   time.Duration `yaml:"cache_ttl" doc:"a row is asked for again after this at the latest"`
	MaxStale   time.Duration `yaml:"max_stale" doc:"how old a copy may be that stands in when Redis fails"`
	Timeout    time.Duration `yaml:"timeout" doc:"how long a batch waits for Redis"`
	Policy     string        `yaml:"policy" doc:"degrade: score with stale or default values when Redis fails"`
}

// DefaultConfig is what an empty configuration means.
func DefaultConfig() Config {
	return Config{
		KeyPrefix:  "features:",
		Layout:     JSONLayout,
		CacheBytes: 128 << 20,
		CacheTTL:   time.Minute,
		MaxStale:   5 * time.Minute,
		Timeout:    50 * time.Millisecond,
		Policy:     Degrade,
	}
}

func (c *Config) validate() error {
	switch {
	case c.KeyPrefix == "":
		return fmt.Errorf("features.key_prefix: it is empty, and an empty one would track every key of the server")
	case c.Layout != JSONLayout && c.Layout != HashLayout:
		return fmt.Errorf("features.layout %q: want %s or %s", c.Layout, JSONLayout, HashLayout)
	case c.CacheBytes < 0:
		return fmt.Errorf("features.cache_bytes %d: want 0 or more", c.CacheBytes)
	case c.CacheTTL < 0:
		return fmt.Errorf("features.cache_ttl %v: want 0 or more", c.CacheTTL)
	case c.MaxStale < 0:
		return fmt.Errorf("features.max_stale %v: want 0 or more", c.MaxStale)
	case c.Timeout <= 0:
		return fmt.Errorf("features.timeout %v: want more than 0", c.Timeout)
	case c.Policy == "wait" || c.Policy == "dead-letter":
		return fmt.Errorf("features.policy %q: not available yet, use %q", c.Policy, Degrade)
	case c.Policy != Degrade:
		return fmt.Errorf("features.policy %q: want %q", c.Policy, Degrade)
	}
	return nil
}

// Redis is where the rows are. Its user needs no more than the commands MGET
// (HMGET for hashes), CLIENT TRACKING, HELLO and, for a db, SELECT, on the keys
// with the prefix.
type Redis struct {
	Addrs    []string `yaml:"addrs" doc:"address of the server, host:port"`
	Username string   `yaml:"username" doc:"ACL user"`
	Password string   `yaml:"password" doc:"password" secret:"true"`
	DB       int      `yaml:"db" doc:"number of the database"`
	TLS      TLS      `yaml:"tls"`
}

// DefaultRedis is what an empty configuration means.
func DefaultRedis() Redis { return Redis{Addrs: []string{"localhost:6379"}} }

func (r *Redis) validate() error {
	switch {
	case len(r.Addrs) == 0 || r.Addrs[0] == "":
		return fmt.Errorf("redis.addrs: name a server as host:port")
	case len(r.Addrs) > 1:
		return fmt.Errorf("redis.addrs names %d servers: clusters are not available yet, name one", len(r.Addrs))
	case r.DB < 0:
		return fmt.Errorf("redis.db %d: want 0 or more", r.DB)
	case r.Username != "" && r.Password == "":
		return fmt.Errorf("redis.username %q has no redis.password: give both", r.Username)
	}
	return nil
}

// TLS is how a connection is secured.
type TLS struct {
	Enabled            bool   `yaml:"enabled" doc:"connect with TLS"`
	CA                 string `yaml:"ca" doc:"file with the authorities to trust; empty means the system's"`
	Cert               string `yaml:"cert" doc:"file with the client certificate"`
	Key                string `yaml:"key" doc:"file with the client certificate's key"`
	ServerName         string `yaml:"server_name" doc:"name to expect in the server's certificate"`
	InsecureSkipVerify bool   `yaml:"insecure_skip_verify" doc:"trust any certificate; for tests only"`
}

// config is nil where TLS is off. The files are read once.
func (t *TLS) config() (*tls.Config, error) {
	if !t.Enabled {
		if t.CA != "" || t.Cert != "" || t.Key != "" {
			return nil, fmt.Errorf("redis.tls: files are named but redis.tls.enabled is false: set it to true")
		}
		return nil, nil
	}
	config := &tls.Config{
		MinVersion:         tls.VersionTLS12,
		ServerName:         t.ServerName,
		InsecureSkipVerify: t.InsecureSkipVerify,
	}
	if t.CA != "" {
		pem, err := os.ReadFile(t.CA)
		if err != nil {
			return nil, fmt.Errorf("redis.tls.ca: %w", err)
		}
		config.RootCAs = x509.NewCertPool()
		if !config.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("redis.tls.ca: %s holds no PEM certificate", t.CA)
		}
	}
	if (t.Cert == "") != (t.Key == "") {
		return nil, fmt.Errorf("redis.tls.cert and redis.tls.key: give both or neither")
	}
	if t.Cert != "" {
		pair, err := tls.LoadX509KeyPair(t.Cert, t.Key)
		if err != nil {
			return nil, fmt.Errorf("redis.tls.cert: %w", err)
		}
		config.Certificates = []tls.Certificate{pair}
	}
	return config, nil
}

// Bytes is an amount of memory, written as a number of bytes or with a unit:
// 134217728, 128MiB, 64kB.
type Bytes int64

// units are what Bytes understands, the longest first.
func units() []struct {
	name string
	size float64
} {
	return []struct {
		name string
		size float64
	}{
		{"kib", 1 << 10},
		{"mib", 1 << 20},
		{"gib", 1 << 30},
		{"kb", 1e3},
		{"mb", 1e6},
		{"gb", 1e9},
		{"b", 1},
	}
}

// UnmarshalText reads a number with or without a unit.
func (b *Bytes) UnmarshalText(text []byte) error {
	digits, size := strings.ToLower(strings.TrimSpace(string(text))), 1.0
	for _, unit := range units() {
		if rest, found := strings.CutSuffix(digits, unit.name); found {
			digits, size = strings.TrimSpace(rest), unit.size
			break
		}
	}
	n, err := strconv.ParseFloat(digits, 64)
	if err != nil || math.IsNaN(n) || math.Abs(n*size) >= 1<<62 {
		return fmt.Errorf("%q is no amount of memory: want one such as 128MiB", text)
	}
	*b = Bytes(n * size)
	return nil
}

// MarshalText writes the number of bytes.
func (b Bytes) MarshalText() ([]byte, error) { return strconv.AppendInt(nil, int64(b), 10), nil }
