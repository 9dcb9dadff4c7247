package cluster

import (
	"bytes"
	"context"
	"log"
	"log/slog"
)

// logBridge turns lines of memberlist's log into records. Errors become warnings, because gossip
// is a hint and repairs itself; all else is for debugging.
type logBridge struct{ logger *slog.Logger }

func newBridgedLogger(logger *slog.Logger) *log.Logger {
	return log.New(logBridge{logger}, "", 0)
}

// Write implements io.Writer; it is called with one line.
func (b logBridge) Write(p []byte) (int, error) {
	line := bytes.TrimSpace(p)
	level := slog.LevelDebug
	if bytes.HasPrefix(line, []byte("[ERR]")) {
		level = slog.LevelWarn
	}
	if _, rest, ok := bytes.Cut(line, []byte("] ")); ok && bytes.HasPrefix(line, []byte("[")) {
		line = rest
	}
	b.logger.Log(context.Background(), level, "gossip", "detail", string(bytes.TrimPrefix(line,
		[]byte("memberlist: "))))
	return len(p), nil
}
