package migrate

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"

	"holdfast/cmd/holdfast/verb"
)

// Bounds of one transaction: operations, and bytes of values.
const (
	batchOps   = 64
	batchBytes = 256 << 10
	progress   = 1000 // keys between two lines that say how far it is
)

// apply writes what the plan says. What was written stays if it breaks off; repeated, it goes on from there.
func (p *program) apply(ctx context.Context, c *verb.Console, here *verb.Client) error {
	if err := p.applyKeys(ctx, c, here); err != nil {
		return err
	}
	for _, x := range p.nodes {
		if err := x.register(ctx, here); err != nil {
			return fmt.Errorf("node %v was not registered: %w", x.Node["Node"], err)
		}
	}
	for _, s := range p.services {
		if err := s.register(ctx, here); err != nil {
			return fmt.Errorf("service %s was not registered: %w", s.id(), err)
		}
	}
	for _, check := range p.checks {
		if err := here.Do(ctx, http.MethodPut, "/v1/agent/check/register", nil, check, nil); err != nil {
			return fmt.Errorf("check %v was not registered: %w", check["ID"], err)
		}
	}
	for _, q := range p.queries {
		method, at := http.MethodPost, "/v1/query"
		if q.id != "" {
			method, at = http.MethodPut, "/v1/query/"+q.id
		}
		if err := here.Do(ctx, method, at, nil, q.body, nil); err != nil {
			return fmt.Errorf("prepared query %v was not written: %w", q.body["Name"], err)
		}
	}
	return nil
}

// operation is one write of a transaction.
type operation struct {
	KV struct {
		Verb, Key string
		Flags     uint64
		Value     []byte
	}
}

func (p *program) applyKeys(ctx context.Context, c *verb.Console, here *verb.Client) error {
	var batch []operation
	size, done, told := 0, 0, 0
	flush := func() error {
		if len(batch) == 0 {
			return nil
		}
		if err := here.Do(ctx, http.MethodPut, "/v1/txn", nil, batch, nil); err != nil {
			return fmt.Errorf("the keys from %q on were not written: %w", batch[0].KV.Key, err)
		}
		done += len(batch)
		batch, size = nil, 0
		if done-told >= progress && done < len(p.keys) {
			told = done
			fmt.Fprintf(c.Err, "%d of %d keys\n", done, len(p.keys))
		}
		return nil
	}
	for _, e := range p.keys {
		if len(batch) == batchOps || size+len(e.Value) > batchBytes {
			if err := flush(); err != nil {
				return err
			}
		}
		var op operation
		op.KV.Verb, op.KV.Key, op.KV.Flags, op.KV.Value = "set", e.Key, e.Flags, e.Value
		batch, size = append(batch, op), size+len(e.Value)
	}
	return flush()
}

// register writes the node, each of its services, and its checks.
func (x *external) register(ctx context.Context, here *verb.Client) error {
	body := func() map[string]any {
		b := maps.Clone(x.Node)
		delete(b, "Meta")
		b["NodeMeta"] = x.Node["Meta"]
		return b
	}
	bodies := []map[string]any{body()}
	for _, id := range slices.Sorted(maps.Keys(x.Services)) {
		b := body()
		b["Service"] = x.Services[id]
		bodies = append(bodies, b)
	}
	if len(x.Checks) > 0 {
		var checks []any
		for _, id := range slices.Sorted(maps.Keys(x.Checks)) {
			checks = append(checks, x.Checks[id])
		}
		b := body()
		b["Checks"] = checks
		bodies = append(bodies, b)
	}
	for _, b := range bodies {
		if err := here.Do(ctx, http.MethodPut, "/v1/catalog/register", nil, b, nil); err != nil {
			return err
		}
	}
	return nil
}

// register registers the service. One that is out of service there does not count as healthy here for a moment.
func (s *service) register(ctx context.Context, here *verb.Client) error {
	body := s.body
	barrier := "import:" + s.id()
	if s.maintenance != nil {
		body = maps.Clone(body)
		checks, _ := body["Checks"].([]any)
		body["Checks"] = append(slices.Clip(checks), map[string]any{"CheckID": barrier, "Name": "import", "TTL": "24h", "Status": "critical"})
	}
	if err := here.Do(ctx, http.MethodPut, "/v1/agent/service/register", nil, body, nil); err != nil || s.maintenance == nil {
		return err
	}
	query := url.Values{"enable": {"true"}, "reason": {*s.maintenance}}
	if err := here.Do(ctx, http.MethodPut, "/v1/agent/service/maintenance/"+url.PathEscape(s.id()), query, nil, nil); err != nil {
		return err
	}
	return here.Do(ctx, http.MethodPut, "/v1/agent/check/deregister/"+url.PathEscape(barrier), nil, nil, nil)
}
