package agent

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"strings"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// monitorHandler lets a client read the agent's log as it is written, until one of them ends.
type monitorHandler struct{ log Log }

func (h *monitorHandler) routes() exchange.Routes {
	return exchange.Routes{"/v1/agent/monitor": {http.MethodGet: h.monitor}}
}

// monitorLevels are the log levels by Consul's names.
var monitorLevels = map[string]slog.Level{
	"": slog.LevelInfo, "trace": slog.LevelDebug - 4, "debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "err": slog.LevelError, "error": slog.LevelError,
}

func (h *monitorHandler) monitor(r *exchange.Request) (*exchange.Reply, error) {
	name := r.Query.Get("loglevel")
	level, ok := monitorLevels[strings.ToLower(name)]
	if !ok {
		return nil, cluster.Errorf(cluster.Invalid, "Unknown log level: %s; want trace, debug, info, warn or error", name)
	}
	json, err := r.Flag("logjson")
	if err != nil {
		return nil, err
	}
	return &exchange.Reply{ContentType: "text/plain; charset=utf-8", Stream: func(ctx context.Context, w io.Writer) error {
		lines, stop := h.log.Listen(level, json)
		defer stop()
		if _, err := w.Write(nil); err != nil { // the client learns that it listens
			return err
		}
		for {
			select {
			case <-ctx.Done():
				return nil
			case line := <-lines:
				if _, err := w.Write(line); err != nil {
					return err
				}
			}
		}
	}}, nil
}
