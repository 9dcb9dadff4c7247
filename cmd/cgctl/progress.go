package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/codegraphdb/codegraph/ingest"
)

// progress shows how far an ingest is: one line that is written over on a terminal, else a line
// every two seconds.
type progress struct {
	out      io.Writer
	terminal bool
	now      func() time.Time
	last     time.Time
	width    int // of the line on the terminal
}

const (
	logEvery  = 2 * time.Second
	drawEvery = 100 * time.Millisecond
)

func newProgress(out io.Writer) *progress {
	f, ok := out.(*os.File)
	p := &progress{out: out, terminal: ok && isTerminal(f), now: time.Now}
	p.last = p.now()
	return p
}

func (p *progress) show(s ingest.Progress) {
	every := logEvery
	if p.terminal {
		every = drawEvery
	}
	now := p.now()
	if now.Sub(p.last) < every {
		return
	}
	p.last = now
	line := progressLine(s)
	if !p.terminal {
		fmt.Fprintln(p.out, line)
		return
	}
	pad := strings.Repeat(" ", max(0, p.width-len(line)))
	p.width = len(line)
	fmt.Fprintf(p.out, "\r%s%s", line, pad)
}

func (p *progress) end() {
	if p.width > 0 {
		fmt.Fprintf(p.out, "\r%s\r", strings.Repeat(" ", p.width))
		p.width = 0
	}
}

func progressLine(s ingest.Progress) string {
	line := fmt.Sprintf("# %s: %d of %d files, %d lines, %.0f lines/s", s.Phase, s.Files, s.Total,
		s.Lines, s.Rate)
	if s.Left > 0 {
		line += fmt.Sprintf(", %s left", s.Left.Round(time.Second))
	}
	return line
}
