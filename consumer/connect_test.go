package consumer

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// selfSigned makes a certificate for 127.0.0.1 and the file that trusts it.
func selfSigned(t *testing.T) (tls.Certificate, string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "millrace test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, ca
}

func TestSCRAMOverTLS(t *testing.T) {
	for _, mechanism := range []string{"plain", "scram-sha-256", "scram-sha-512"} {
		t.Run(mechanism, func(t *testing.T) {
			certificate, ca := selfSigned(t)
			cluster, err := kfake.NewCluster(
				kfake.NumBrokers(1), kfake.EnableSASL(),
				kfake.TLS(&tls.Config{Certificates: []tls.Certificate{certificate}}),
				kfake.Superuser(strings.ToUpper(mechanism), "fraud", "s3cret-pass"),
				kfake.SeedTopics(1, "transactions", "fraud-predictions", "fraud-predictions-dead-letters"),
			)
			if err != nil {
				t.Fatal(err)
			}
			defer cluster.Close()
			cfg := DefaultConfig()
			cfg.Brokers, cfg.Start = cluster.ListenAddrs(), StartEarliest
			cfg.ConnectTimeout = 2 * time.Second
			cfg.TLS = TLS{Enabled: true, CA: ca}
			cfg.SASL = SASL{Mechanism: mechanism, Username: "fraud", Password: "s3cret-pass"}
			if err := Ping(context.Background(), cfg, "test"); err != nil {
				t.Fatalf("Ping: %v", err)
			}

			b := &bench{t: t, cluster: cluster, cfg: cfg, sent: map[int32]int64{}}
			opts, err := cfg.ClientOptions("test")
			if err != nil {
				t.Fatal(err)
			}
			b.client = b.connect(append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()))...)
			b.send(0, 20)
			_, stop := b.run("one", cfg, newEcho)
			eventually(t, "all is scored and committed", func() bool { return b.committed(0) == 20 && b.held(cfg.Output) == 20 })
			stop()

			for name, spoil := range map[string]func(*Config){
				"a wrong password":    func(c *Config) { c.SASL.Password = "wrong" },
				"no login":            func(c *Config) { c.SASL = SASL{} },
				"no TLS":              func(c *Config) { c.TLS = TLS{} },
				"an unknown issuer":   func(c *Config) { c.TLS.CA = "" },
				"another server name": func(c *Config) { c.TLS.ServerName = "kafka.example" },
			} {
				spoiled := cfg
				spoil(&spoiled)
				start := time.Now()
				err := Ping(context.Background(), spoiled, "test")
				if err == nil {
					t.Errorf("%s: Ping succeeds", name)
					continue
				}
				t.Logf("%s: %v", name, err)
				if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "s3cret") {
					t.Errorf("%s: the error has several lines or the password: %v", name, err)
				}
				if took := time.Since(start); took > cfg.ConnectTimeout+2*time.Second {
					t.Errorf("%s: the answer takes %v", name, took)
				}
			}
		})
	}
}

func TestUnreachableBroker(t *testing.T) {
	cfg := DefaultConfig()
	cfg.Brokers, cfg.ConnectTimeout = []string{"127.0.0.1:1"}, 300*time.Millisecond
	err := Ping(context.Background(), cfg, "test")
	if err == nil || !strings.Contains(err.Error(), "127.0.0.1:1") || !strings.Contains(err.Error(), "kafka.brokers") {
		t.Errorf("Ping: %v, want the address and the setting named", err)
	}
}

func TestValidateNamesTheSetting(t *testing.T) {
	file := filepath.Join(t.TempDir(), "no.pem")
	for _, test := range []struct {
		want  string
		spoil func(*Config)
	}{
		{"kafka.brokers is empty", func(c *Config) { c.Brokers = nil }},
		{`kafka.brokers: "nowhere" is not host:port`, func(c *Config) { c.Brokers = []string{"nowhere"} }},
		{`kafka.brokers: "localhost:abc" is not host:port`, func(c *Config) { c.Brokers = []string{"localhost:abc"} }},
		{`kafka.input: "a\nb" is no name for a topic`, func(c *Config) { c.Input = "a\nb" }},
		{"kafka.group is empty", func(c *Config) { c.Group = "" }},
		{"kafka.output is empty", func(c *Config) { c.Output = "" }},
		{`kafka.output: topic "transactions" is already kafka.input`, func(c *Config) { c.Output = c.Input }},
		{`kafka.start: "newest" is not one of latest, earliest`, func(c *Config) { c.Start = "newest" }},
		{"kafka.delivery: exactly-once is not available yet", func(c *Config) { c.Delivery = ExactlyOnce }},
		{"kafka.feature_log: the log of served features is not available yet", func(c *Config) { c.FeatureLog = "served" }},
		{`kafka.compression: "zip" is not one of`, func(c *Config) { c.Compression = "zip" }},
		{`kafka.sasl.mechanism: "oauth" is not one of plain,`, func(c *Config) { c.SASL.Mechanism = "oauth" }},
		{"kafka.sasl.username is empty", func(c *Config) { c.SASL.Mechanism = "plain" }},
		{"kafka.sasl: a user or password is given but no mechanism", func(c *Config) { c.SASL.Username = "u" }},
		{"kafka.tls: files are named but kafka.tls.enabled is false", func(c *Config) { c.TLS.CA = file }},
		{"kafka.tls.ca: open", func(c *Config) { c.TLS = TLS{Enabled: true, CA: file} }},
		{"cert and key go together", func(c *Config) { c.TLS = TLS{Enabled: true, Cert: file} }},
		{"kafka.max_batch: 0 is too small", func(c *Config) { c.MaxBatch = 0 }},
		{"kafka.queue_records: 5 is below kafka.max_batch", func(c *Config) { c.QueueRecords = 5 }},
		{"kafka.session_timeout: 1ms is too short", func(c *Config) { c.SessionTimeout = time.Millisecond }},
	} {
		cfg := DefaultConfig()
		test.spoil(&cfg)
		if err := cfg.Validate(); err == nil || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("Validate: %v, want one line with %q", err, test.want)
		}
	}
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("the default: %v", err)
	}
}
