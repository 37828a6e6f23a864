package scoring

import (
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
)

// maxFileBytes bounds what is read of a model file.
const maxFileBytes = 1 << 30

// OpenFlags are how a file that may be a model has to be opened for [ReadFile]: without waiting, since a pipe that
// nobody writes to would hold whoever opens it for ever.
const OpenFlags = os.O_RDONLY | syscall.O_NONBLOCK

// ReadPath reads the model file at path, as [ReadFile] does.
func ReadPath(path string) ([]byte, error) {
	file, err := os.OpenFile(path, OpenFlags, 0)
	if err != nil {
		return nil, err
	}
	return ReadFile(file)
}

// ReadFile reads a regular file of at most 1 GiB whole, and closes it. Anything else is an error: a directory, a pipe,
// a device.
func ReadFile(file *os.File) ([]byte, error) {
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, errors.New("it is not a regular file")
	}
	data, err := io.ReadAll(io.LimitReader(file, maxFileBytes+1))
	if err == nil && len(data) > maxFileBytes {
		err = fmt.Errorf("it is larger than %d bytes", maxFileBytes)
	}
	return data, err
}
