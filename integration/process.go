//go:build integration

package integration

import (
	"bytes"
	"fmt"
	"os/exec"
	"sync"
	"syscall"
	"time"
)

// process is a child of the suite with everything it prints.
type process struct {
	cmd    *exec.Cmd
	output output
	ended  chan struct{} // closed once it is gone and all it printed is in output
}

// output collects what a process prints, both streams in one.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

// Write implements [io.Writer].
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

// bytes is a copy of what has been printed so far.
func (o *output) bytes() []byte {
	o.mu.Lock()
	defer o.mu.Unlock()
	return bytes.Clone(o.text.Bytes())
}

// startProcess starts a program in a folder with exactly this environment.
func startProcess(dir string, environ []string, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...), ended: make(chan struct{})}
	p.cmd.Dir, p.cmd.Env = dir, environ
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = endsWithUs()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // How it ended is in ProcessState.
		close(p.ended)
	}()
	return p, nil
}

// running says whether the process has not ended.
func (p *process) running() bool {
	select {
	case <-p.ended:
		return false
	default:
		return true
	}
}

// kill is kill -9; it returns once the process is gone.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // It may have ended by itself.
	<-p.ended
}

// terminate asks the process to end and returns its exit code and how long it took. One that is still there after
// the given time is killed, and the code is -1.
func (p *process) terminate(within time.Duration) (code int, took time.Duration) {
	begin := time.Now()
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(within):
		p.kill()
	}
	return p.cmd.ProcessState.ExitCode(), time.Since(begin)
}

// await waits until the process answers, and gives up when it ends or takes too long.
func (p *process) await(what string, within time.Duration, answers func() error) error {
	deadline := time.Now().Add(within)
	for {
		err := answers()
		if err == nil {
			return nil
		}
		if !p.running() || time.Now().After(deadline) {
			return fmt.Errorf("%s does not answer (%w); it printed:\n%s", what, err, last(p.output.bytes(), 4000))
		}
		time.Sleep(20 * time.Millisecond)
	}
}
