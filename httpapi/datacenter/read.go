package datacenter

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"time"

	"holdfast/cluster/state"
	"holdfast/httpapi/wire"
)

const (
	maxNames  = 64 << 10 // bytes of the names of all datacenters
	maxAnswer = 16 << 20 // bytes of the instances of a service
	askTime   = 5 * time.Second
)

// Datacenters is the names of those that are known, this one and then the nearest first. An agent that does not know asks a server of its own
// datacenter; where none answers there is this one.
func (f *Forwarder) Datacenters(ctx context.Context) []string {
	if f.known != nil {
		return f.known()
	}
	only := []string{f.own}
	if len(f.ways.Gateways(f.own)) == 0 {
		return only
	}
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	b, err := f.Ask(ctx, f.own, "/v1/catalog/datacenters", url.Values{}, maxNames)
	if err != nil {
		f.log.Debug("no server says which datacenters there are", "error", err)
		return only
	}
	var names []string
	if json.Unmarshal(b, &names) != nil || !slices.Contains(names, f.own) {
		return only
	}
	return names
}

// Instances is the instances of a service in another datacenter, each with its checks.
func (f *Forwarder) Instances(ctx context.Context, dc, service string) ([]state.Instance, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	b, err := f.Ask(ctx, dc, "/v1/health/service/"+service, url.Values{"stale": {""}}, maxAnswer)
	if err != nil {
		return nil, err
	}
	return decodeInstances(b)
}

// decodeInstances reads an answer of /v1/health/service.
func decodeInstances(b []byte) ([]state.Instance, error) {
	var rows []wire.Instance
	if err := json.Unmarshal(b, &rows); err != nil {
		return nil, fmt.Errorf("read the instances of another datacenter: %w", err)
	}
	out := make([]state.Instance, len(rows))
	for i := range rows {
		var err error
		if out[i], err = wire.ToInstance(&rows[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}
