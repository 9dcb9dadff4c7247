package history

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
)

// Open reads a history file, compressed or not.
func Open(name string) (*History, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, fmt.Errorf("history: %w", err)
	}
	defer f.Close()
	h, err := Read(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return h, nil
}

// Read reads a whole history. What is wrong in the middle is an error; what is missing at the end
// is said in Cut.
func Read(r io.Reader) (*History, error) {
	in := bufio.NewReaderSize(r, 64<<10)
	if magic, err := in.Peek(2); err == nil && magic[0] == 0x1f && magic[1] == 0x8b {
		zip, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("history: %w", err)
		}
		in = bufio.NewReaderSize(zip, 64<<10)
	}
	p := newPairing()
	for n := 1; ; n++ {
		text, err := in.ReadBytes('\n')
		if err != nil {
			return p.end(n, text, err)
		}
		l, err := parseLine(text)
		if err != nil {
			return nil, lineErrorf(n, "%v", err)
		}
		if err := p.add(n, l); err != nil {
			return nil, err
		}
	}
}

// end finishes a history whose reading ended with err after rest.
func (p *pairing) end(n int, rest []byte, err error) (*History, error) {
	switch {
	case p.lines == 0:
		return nil, lineErrorf(n, "there is no line")
	case errors.Is(err, io.EOF) && len(rest) == 0 && p.ended:
	case errors.Is(err, io.EOF) && p.ended:
		return nil, lineErrorf(n, "something follows the end line")
	case errors.Is(err, io.EOF) && len(rest) == 0:
		p.h.Cut = fmt.Sprintf("there is no end line after line %d", n-1)
	case errors.Is(err, io.EOF):
		p.h.Cut = fmt.Sprintf("line %d is cut after %d bytes", n, len(rest))
	case errors.Is(err, io.ErrUnexpectedEOF):
		p.h.Cut = fmt.Sprintf("the compressed file is cut in or after line %d", n)
	default:
		return nil, lineErrorf(n, "%v", err)
	}
	return p.finish(), nil
}

// parseLine is strict: unknown fields and anything behind the object are errors.
func parseLine(text []byte) (*line, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var l line
	if err := dec.Decode(&l); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return &l, nil
}

func micros(n int64) time.Duration { return time.Duration(n) * time.Microsecond }
