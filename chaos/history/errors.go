package history

import "fmt"

// LineError is a line that cannot be part of a history.
type LineError struct {
	Line int // counted from 1
	What string
}

// Error names the line.
func (e *LineError) Error() string {
	return fmt.Sprintf("history: line %d: %s (remedy: the file was damaged or written by something "+
		"else than a Recorder; repeat the run)", e.Line, e.What)
}

func lineErrorf(n int, format string, args ...any) error {
	return &LineError{Line: n, What: fmt.Sprintf(format, args...)}
}
