//go:build integration

package integration

import "syscall"

// endsWithUs makes the kernel kill a child when the suite dies without ending it, as it does on a test's panic.
func endsWithUs() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
