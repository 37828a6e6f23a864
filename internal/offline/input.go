package offline

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// longestRow bounds the bytes of one row, and so what a file that is no table at all can make us hold.
const longestRow = 4 << 20

// What input says where its reader says nothing.
var (
	errLongRow = fmt.Errorf("it is longer than %d MiB", longestRow>>20)
	errStopped = errors.New("stopped")
)

// input is the bytes of the rows: read ahead, counted, and bounded a row. A read that waits, as for a
// terminal or a pipe nobody writes to, ends when stop is closed.
type input struct {
	buffered *bufio.Reader
	from     io.Reader
	stop     <-chan struct{}
	read     int64 // Bytes read so far, ahead of the rows by up to a buffer.
	left     int   // Bytes that may still be read for this row.
}

func newInput(from io.Reader, stop <-chan struct{}) *input {
	in := &input{from: from, stop: stop, left: longestRow}
	in.buffered = bufio.NewReaderSize(in, 1<<16)
	return in
}

// nextRow begins a row: what was read so far is not counted to its length.
func (in *input) nextRow() { in.left = longestRow }

// Read gives the buffer its next piece. Once stopped, the read that was under way may still write to its p:
// no other may begin, and nobody may look into the buffer any more.
func (in *input) Read(p []byte) (int, error) {
	select {
	case <-in.stop:
		return 0, errStopped
	default:
	}
	if in.left <= 0 {
		return 0, errLongRow
	}
	type result struct {
		n   int
		err error
	}
	done := make(chan result, 1)
	go func() {
		n, err := in.from.Read(p)
		done <- result{n, err}
	}()
	select {
	case r := <-done:
		in.read += int64(r.n)
		in.left -= r.n
		return r.n, r.err
	case <-in.stop:
		return 0, errStopped
	}
}

// open looks at how the input begins and returns the reader of its rows.
func open(in *input, format string, names []string) (source, error) {
	head, err := in.buffered.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	for _, known := range []struct{ magic, mend string }{
		{"\x1f\x8b", "gzip-compressed: unpack it first (gzip -dc FILE | millrace score --input - …)"},
		{"\x28\xb5\x2f\xfd", "zstd-compressed: unpack it first (zstd -dc FILE | millrace score --input - …)"},
		{"PK\x03\x04", "a zip archive or a spreadsheet: unpack it, or save the sheet as CSV"},
		{"PAR1", "a Parquet file: write it as CSV or NDJSON"},
		{"\xff\xfe", "UTF-16 text: save it as UTF-8"},
		{"\xfe\xff", "UTF-16 text: save it as UTF-8"},
	} {
		if bytes.HasPrefix(head, []byte(known.magic)) {
			return nil, errors.New("the input is " + known.mend)
		}
	}
	if bytes.HasPrefix(head, []byte("\xef\xbb\xbf")) {
		_, _ = in.buffered.Discard(3) // A byte order mark, as Windows writes it; it was peeked, so it is there.
	}
	if format == Detect {
		format = CSV
		if c := firstByte(in.buffered); c == '{' || c == '[' {
			format = NDJSON
		}
	}
	switch format {
	case CSV:
		return newCSVRows(in, names)
	case NDJSON:
		return newJSONRows(in, names), nil
	}
	return nil, fmt.Errorf("format %q is not known, use %q or %q", format, CSV, NDJSON)
}

// firstByte looks at the first byte that is not white space, as far as the buffer reaches.
func firstByte(in *bufio.Reader) byte {
	for n := 1; n <= in.Size(); n++ {
		head, err := in.Peek(n)
		if err != nil {
			return 0
		}
		switch c := head[n-1]; c {
		case ' ', '\t', '\r', '\n':
		default:
			return c
		}
	}
	return 0
}

// quoted is a piece of the input for an error: short enough for a line, whatever the input holds.
func quoted[T ~string | ~[]byte](text T) string {
	const most = 60
	if len(text) > most {
		return fmt.Sprintf("%q…", string(text[:most]))
	}
	return fmt.Sprintf("%q", string(text))
}
