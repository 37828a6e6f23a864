//go:build integration && !linux

package integration

import "syscall"

// endsWithUs is nothing where the kernel has no such signal: there a panic leaves the children behind.
func endsWithUs() *syscall.SysProcAttr { return nil }
