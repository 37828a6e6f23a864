//go:build integration

package integration

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	"github.com/redis/rueidis"
)

// redisServer is a redis-server. It keeps its port and, through its append-only file, its rows when it is killed and
// started again.
type redisServer struct {
	addr    string
	path    string
	dir     string
	process *process
	client  rueidis.Client
}

func newRedis(t tools, dir string) (*redisServer, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	addr, err := freeAddr()
	if err != nil {
		return nil, err
	}
	return &redisServer{addr: addr, path: t.redis, dir: dir}, nil
}

// start starts the server and returns once it answers.
func (r *redisServer) start() (err error) {
	host, port, err := net.SplitHostPort(r.addr)
	if err != nil {
		return err
	}
	r.process, err = startProcess(r.dir, os.Environ(), r.path,
		"--bind", host, "--port", port, "--dir", r.dir, "--save", "", "--appendonly", "yes", "--appendfsync", "no")
	if err != nil {
		return err
	}
	return r.process.await("redis-server", 20*time.Second, func() error {
		if r.client == nil {
			r.client, err = rueidis.NewClient(rueidis.ClientOption{
				InitAddress: []string{r.addr}, ForceSingleClient: true, DisableCache: true,
			})
			if err != nil {
				return err
			}
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Second)
		defer cancel()
		return r.client.Do(ctx, r.client.B().Ping().Build()).Error()
	})
}

// kill is a crash.
func (r *redisServer) kill() {
	if r.process != nil {
		r.process.kill()
	}
}

func (r *redisServer) close() {
	if r.client != nil {
		r.client.Close()
	}
}

// setRows replaces everything by the rows of all users, in the layout named json or hash.
func (r *redisServer) setRows(layout string) error {
	b := r.client.B
	commands := rueidis.Commands{b().Flushall().Build()}
	for user := range users {
		switch row, known := storedRow(user); {
		case !known:
		case layout == "hash":
			for _, field := range row {
				commands = append(commands, b().Hset().Key("features:"+userText(user)).FieldValue().FieldValue(field.name, number(field.value)).Build())
			}
		default:
			commands = append(commands, b().Set().Key("features:"+userText(user)).Value(rowJSON(row)).Build())
		}
	}
	for _, answer := range r.client.DoMulti(context.Background(), commands...) {
		if err := answer.Error(); err != nil {
			return fmt.Errorf("write the rows: %w", err)
		}
	}
	return nil
}
