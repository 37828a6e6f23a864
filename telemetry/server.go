package telemetry

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/VictoriaMetrics/metrics"
)

// Config says where the server listens.
type Config struct {
	Addr string `yaml:"addr" doc:"address of the ops page, health and metrics: host:port, or :port on all interfaces"`
}

// DefaultConfig is port 8000 on all interfaces, the recipe's.
func DefaultConfig() Config { return Config{Addr: ":8000"} }

// Validate says what is wrong with the configuration in one line that names the key and the mend, or nil.
func (c Config) Validate() error {
	_, port, err := net.SplitHostPort(c.Addr)
	if err != nil {
		return fmt.Errorf("http.addr: %q is not host:port, such as :8000", c.Addr)
	}
	if _, err := net.LookupPort("tcp", port); err != nil || port == "" {
		return fmt.Errorf("http.addr: %q is not a port", port)
	}
	return nil
}

// Server is the HTTP server for operators, bound to its address from the moment it is made.
type Server struct {
	listener net.Listener
	http     *http.Server
}

// stopWithin is how long [Server.Run] lets requests finish when it is told to stop.
const stopWithin = 2 * time.Second

// Listen binds the address and prepares the server; requests are answered once it runs. The checks decide readiness,
// all together. status is called for every refresh of the page and must be quick; its Ready and Reasons are filled
// here. A nil set, status or log is quiet. The error names the address and the mend.
func Listen(cfg Config, set *metrics.Set, checks []Check, status func() Status, log *slog.Logger) (*Server, error) {
	if set == nil {
		set = metrics.NewSet()
	}
	if status == nil {
		status = func() Status { return Status{} }
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	listener, err := net.Listen("tcp", cfg.Addr)
	if err != nil {
		return nil, bindError(cfg.Addr, err)
	}
	return &Server{
		listener: listener,
		http: &http.Server{
			Handler:           secured(routes(set, checks, status)),
			ReadHeaderTimeout: 5 * time.Second,
			ReadTimeout:       10 * time.Second,
			WriteTimeout:      30 * time.Second,
			IdleTimeout:       2 * time.Minute,
			MaxHeaderBytes:    16 << 10,
			ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		},
	}, nil
}

// bindError says why an address cannot be listened on, and what to do.
func bindError(addr string, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("http.addr: %s is taken by another process: stop that one or set http.addr to a free port", addr)
	case errors.Is(err, os.ErrPermission):
		return fmt.Errorf("http.addr: no permission to listen on %s: set http.addr to a port from 1024 up", addr)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("http.addr: %s is not an address of this host: set http.addr to one, or to :port for all", addr)
	}
	return fmt.Errorf("http.addr: listen on %s: %w", addr, err)
}

// Addr is the address that is listened on, with the port that was chosen where the configured one is 0.
func (s *Server) Addr() string { return s.listener.Addr().String() }

// Run answers requests until ctx ends, gives those in flight two seconds, and returns nil. Any other end is an error.
// It can run once.
func (s *Server) Run(ctx context.Context) error {
	served := make(chan error, 1)
	go func() { served <- s.http.Serve(s.listener) }()
	select {
	case err := <-served:
		return fmt.Errorf("serve http on %s: %w", s.Addr(), err)
	case <-ctx.Done():
	}
	// The detached context lets requests end although ctx has; whoever is not done by then is cut off.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopWithin)
	defer cancel()
	if err := s.http.Shutdown(grace); err != nil {
		_ = s.http.Close()
	}
	<-served
	return nil
}

// Close gives the address back where [Server.Run] was never called; after that it does nothing.
func (s *Server) Close() {
	_ = s.http.Close()
	_ = s.listener.Close()
}

// routes are all paths there are. Other paths are 404 and other methods 405, by the mux.
func routes(set *metrics.Set, checks []Check, status func() Status) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_ = writeMetrics(w, set) // Only the reader's going away can fail it.
	})
	mux.HandleFunc("GET /healthz", healthz)
	mux.HandleFunc("GET /readyz", readyz(checks))
	mux.HandleFunc("GET /status", func(w http.ResponseWriter, _ *http.Request) {
		answer := status()
		answer.Reasons = unready(checks)
		answer.Ready = len(answer.Reasons) == 0
		writeJSON(w, http.StatusOK, answer)
	})
	mux.HandleFunc("GET /{$}", page())
	return mux
}

// secured sets what every answer carries: nothing here is to be cached, framed, sniffed or told to other sites, and
// nothing but the page itself may load or run anything.
func secured(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Cache-Control", "no-store")
		h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("X-Content-Type-Options", "nosniff")
		next.ServeHTTP(w, r)
	})
}
