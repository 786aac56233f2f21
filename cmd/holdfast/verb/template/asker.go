package template

import (
	"context"
	"errors"
	"flag"
	"io"
	"log/slog"
	"net/http"
	"net/url"

	"holdfast/cluster/pause"
	"holdfast/cmd/holdfast/verb"
)

// asker is an agent that is asked over HTTP.
type asker struct {
	*verb.Client
	agent  agent
	silent chan<- error
	log    *slog.Logger
}

// asker makes the client that flags, config and environment describe.
func (p *process) asker() (asker, error) {
	console := p.settings.agent.console(p.console)
	fs := flag.NewFlagSet("", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	var client verb.ClientFlags
	client.Register(console, fs)
	p.fs.Visit(func(given *flag.Flag) {
		if fs.Lookup(given.Name) != nil {
			_ = fs.Set(given.Name, given.Value.String()) // it was taken before
		}
	})
	cl, err := client.Client(console)
	if err != nil {
		return asker{}, err
	}
	silent := make(chan error, 1)
	p.silent = silent
	return asker{cl.Patient(), p.settings.agent, silent, p.log}, nil
}

// Ask implements remote.Asker. Where there is no answer it asks again; who follows a change has a patience of its own.
func (a asker) Ask(ctx context.Context, path string, query url.Values) (body []byte, index uint64, found bool, err error) {
	wait := a.agent.backoff
	for n := 0; ; n++ {
		body, index, found, err = a.once(ctx, path, query)
		said, refused := errors.AsType[verb.StatusError](err)
		if err == nil || ctx.Err() != nil || query.Has("index") || refused && said.Code/100 == 4 {
			return body, index, found, err
		}
		if a.agent.attempts != 0 && n >= a.agent.attempts {
			select {
			case a.silent <- err:
			default:
			}
			return body, index, found, err
		}
		a.log.Warn("the agent is asked again", "in", wait, "error", err)
		if !pause.For(ctx, wait) {
			return nil, 0, false, ctx.Err()
		}
		if wait *= 2; a.agent.longest > 0 {
			wait = min(wait, a.agent.longest)
		}
	}
}

func (a asker) once(ctx context.Context, path string, query url.Values) (body []byte, index uint64, found bool, err error) {
	if path == "/v1/agent/self" { // it does not change, and has no index
		body, err = a.Raw(ctx, http.MethodGet, path, query, nil)
		return body, 0, true, err
	}
	body, index, found, err = a.Wait(ctx, path, query)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = ctx.Err()
	}
	return body, index, found, err
}
