package features

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"millrace/internal/fakeredis"
)

// certificate makes a self-signed certificate for a name, which serves as its
// own authority, and writes it and its key to files.
func certificate(t *testing.T, name string) (pair tls.Certificate, certFile, keyFile string) {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
		KeyUsage:    x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, public, private)
	if err != nil {
		t.Fatal(err)
	}
	key, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(file, kind string, bytes []byte) string {
		path := filepath.Join(t.TempDir(), file)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	certFile, keyFile = write("cert.pem", "CERTIFICATE", der), write("key.pem", "PRIVATE KEY", key)
	pair, err = tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	return pair, certFile, keyFile
}

func TestTLSAndUser(t *testing.T) {
	serverPair, serverCert, _ := certificate(t, "redis.test")
	clientPair, clientCert, clientKey := certificate(t, "millrace.test")
	clients := x509.NewCertPool()
	clients.AddCert(clientPair.Leaf)
	server, err := fakeredis.StartTLS("127.0.0.1:0", &tls.Config{
		Certificates: []tls.Certificate{serverPair}, ClientCAs: clients, ClientAuth: tls.RequireAndVerifyClientCert,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	server.RequireAuth("millrace", "right")
	server.Set("features:u", rowThree)
	c := testContract(t, DefaultFeatures())
	good := Redis{Username: "millrace", Password: "right", TLS: TLS{
		Enabled: true, CA: serverCert, Cert: clientCert, Key: clientKey, ServerName: "redis.test",
	}}
	cases := []struct {
		name string
		edit func(*Redis)
		want string // Part of the warning; empty = it connects.
	}{
		{"everything right", func(*Redis) {}, ""},
		{"certificate not checked", func(r *Redis) { r.TLS.CA, r.TLS.ServerName, r.TLS.InsecureSkipVerify = "", "", true }, ""},
		{"wrong password", func(r *Redis) { r.Password = "wrong-secret" }, "WRONGPASS"},
		{"unknown user", func(r *Redis) { r.Username = "stranger" }, "WRONGPASS"},
		{"no password", func(r *Redis) { r.Username, r.Password = "", "" }, "NOAUTH"},
		{"unknown authority", func(r *Redis) { r.TLS.CA = "" }, "certificate"},
		{"another name", func(r *Redis) { r.TLS.ServerName = "other.test" }, "redis.test"},
		{"no client certificate", func(r *Redis) { r.TLS.Cert, r.TLS.Key = "", "" }, "certificate"},
		{"no TLS", func(r *Redis) { r.TLS = TLS{} }, "Redis does not answer"},
	}
	for _, tc := range cases {
		t.Run(tc.name, func(t *testing.T) {
			var log logBuffer
			store, _ := runLoggedStore(t, server.Addr(), &log, func(_ *Config, redis *Redis) {
				addrs := redis.Addrs
				*redis = good
				redis.Addrs = addrs
				tc.edit(redis)
			})
			if tc.want == "" {
				gets(t, store, c, "u", threeFresh)
				return
			}
			eventually(t, "a warning", func() bool { return log.count("level=WARN") > 0 })
			if text := log.String(); !strings.Contains(text, tc.want) || strings.Count(text, "\n") != 1 {
				t.Errorf("want one line with %q, got %s", tc.want, text)
			}
			rows, status := fetch(t, store, c, "u")
			if got := show(c, rows, status, 0); got != defaults {
				t.Errorf("got %s, want %s", got, defaults)
			}
			if text := log.String(); strings.Contains(text, "secret") {
				t.Errorf("the log tells the password: %s", text)
			}
		})
	}
}

func TestReasonsAreOneLineWithoutThePassword(t *testing.T) {
	l := newLink(Redis{Addrs: []string{"r:1"}, Password: "secret"}, nil, "features:", nil)
	if got := l.oneLine(errors.New("no:\n[AUTH secret]")).Error(); got != "no:; [AUTH ***]" {
		t.Errorf("got %q", got)
	}
}

// TestPasswordChangesLater lets a store in after it was refused, as when the
// password is corrected on the server.
func TestPasswordChangesLater(t *testing.T) {
	server := startRedis(t)
	server.RequireAuth("default", "new")
	server.Set("features:u", rowThree)
	c := testContract(t, DefaultFeatures())
	var log logBuffer
	store, _ := runLoggedStore(t, server.Addr(), &log, func(_ *Config, redis *Redis) { redis.Password = "old" })
	eventually(t, "a warning", func() bool { return log.count("WRONGPASS") == 1 })
	server.RequireAuth("default", "old")
	gets(t, store, c, "u", threeFresh)
	eventually(t, "the good news logged", func() bool { return log.count("Redis answers") == 1 })
}
