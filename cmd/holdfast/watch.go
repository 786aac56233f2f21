package main

import (
	"context"
	"net/url"

	"holdfast/failover/watch"
	"holdfast/httpapi"
)

// startWatches runs the watches of the config until the daemon begins to stop: what a stop changes is no news for handlers.
func (d *daemon) startWatches() {
	ctx, cancel := context.WithCancel(d.ctx)
	d.endWatches = cancel
	d.watches.Set(d.cfg.Watches)
	d.loops.Go(func() { d.watches.Run(ctx) })
}

// ownAPI answers watches with the API of this daemon, without a connection.
type ownAPI struct{ d *daemon }

func (a ownAPI) Ask(ctx context.Context, path string, query url.Values) (watch.Answer, error) {
	body, index, found, err := httpapi.NewInside(a.d.api).Ask(ctx, path, query)
	return watch.Answer{Found: found, Body: body, Index: index}, err
}
