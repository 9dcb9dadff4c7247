package group

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/hashicorp/go-hclog"
)

// NewLogger sends the library's messages to slog. Its normal life (elections, heartbeats) is
// information for debugging here.
func NewLogger(logger *slog.Logger) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Level: hclog.Info, Output: nowhere{}})
	l.RegisterSink(slogSink{logger})
	return l
}

type nowhere struct{}

// Write implements io.Writer.
func (nowhere) Write(p []byte) (int, error) { return len(p), nil }

type slogSink struct{ logger *slog.Logger }

// Accept implements hclog.SinkAdapter.
func (s slogSink) Accept(_ string, level hclog.Level, msg string, args ...any) {
	at := slog.LevelDebug
	if level >= hclog.Error {
		at = slog.LevelWarn
	}
	for i, a := range args {
		if f, ok := a.(hclog.Format); ok && len(f) > 0 {
			args[i] = fmt.Sprintf(f[0].(string), f[1:]...)
		}
	}
	s.logger.Log(context.Background(), at, "raft: "+msg, args...)
}
