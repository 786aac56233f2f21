package operator

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// Keys is gossip's keyring, of all members at once.
type Keys interface {
	// Keyring does something with a key on every living member, or on this one alone, and gives their answers.
	Keyring(ctx context.Context, opts cluster.WriteOptions, op cluster.KeyOp, key []byte, alone bool) ([]cluster.KeyAnswer, error)
}

// keyringHandler answers /v1/operator/keyring.
type keyringHandler struct {
	keys       Keys
	datacenter string
}

func (h *keyringHandler) routes() exchange.Routes {
	return exchange.Routes{"/v1/operator/keyring": {
		http.MethodGet:    h.list,
		http.MethodPost:   h.change(cluster.InstallKey),
		http.MethodPut:    h.change(cluster.UseKey),
		http.MethodDelete: h.change(cluster.RemoveKey),
	}}
}

// poolJSON is the keyring of one pool.
type poolJSON struct {
	WAN         bool
	Datacenter  string
	Segment     string
	Messages    map[string]string `json:",omitempty"` // node -> what it could not do
	Keys        map[string]int    // key -> how many have it
	PrimaryKeys map[string]int    // key -> how many encrypt with it
	NumNodes    int
}

// checkRelay refuses a relay factor that Consul would refuse. The answers come over TCP here, so there is nothing to relay.
func checkRelay(r *exchange.Request) error {
	n, err := exchange.Number(r, "relay-factor")
	if err != nil {
		return err
	}
	if n > 5 {
		return cluster.Errorf(cluster.Invalid, "relay-factor=%d is not between 0 and 5", n)
	}
	return nil
}

func (h *keyringHandler) list(r *exchange.Request) (*exchange.Reply, error) {
	alone, err := r.Flag("local-only")
	if err != nil {
		return nil, err
	}
	if err := checkRelay(r); err != nil {
		return nil, err
	}
	answers, err := h.keys.Keyring(r.Context(), r.WriteOptions(), cluster.ListKeys, nil, alone)
	if err != nil {
		return nil, exchange.AsServerError(err)
	}
	// The servers are Consul's pool between datacenters, under the names that they have there.
	return exchange.Answer([]poolJSON{h.pool(answers, true), h.pool(answers, false)})
}

// pool counts the keys of all members, or of the servers alone.
func (h *keyringHandler) pool(answers []cluster.KeyAnswer, wan bool) poolJSON {
	p := poolJSON{WAN: wan, Datacenter: h.datacenter, Keys: map[string]int{}, PrimaryKeys: map[string]int{}}
	for _, a := range answers {
		if wan && !a.Member.IsServer() {
			continue
		}
		name := a.Member.Name
		if wan {
			name += "." + h.datacenter
		}
		p.NumNodes++
		if a.Err != nil {
			if p.Messages == nil {
				p.Messages = map[string]string{}
			}
			p.Messages[name] = a.Err.Error()
			continue
		}
		for i, k := range a.Keys {
			text := base64.StdEncoding.EncodeToString(k)
			p.Keys[text]++
			if i == 0 {
				p.PrimaryKeys[text]++
			}
		}
	}
	return p
}

// change makes the endpoint that does something with a key everywhere. Where one member could not do it, the answer is a failure that says who;
// it may be done again.
func (h *keyringHandler) change(op cluster.KeyOp) exchange.Endpoint {
	return func(r *exchange.Request) (*exchange.Reply, error) {
		if err := checkRelay(r); err != nil {
			return nil, err
		}
		var body struct{ Key string }
		if err := r.Decode(&body); err != nil {
			return nil, err
		}
		key, err := base64.StdEncoding.DecodeString(strings.TrimSpace(body.Key))
		if err != nil || len(key) == 0 {
			return nil, cluster.Errorf(cluster.Invalid, "Key of the body is not a gossip key: want 16, 24 or 32 bytes in base64, as holdfast keygen makes them")
		}
		answers, err := h.keys.Keyring(r.Context(), r.WriteOptions(), op, key, false)
		if err != nil {
			return nil, exchange.AsServerError(err)
		}
		var failed []string
		for _, a := range answers {
			if a.Err != nil {
				failed = append(failed, a.Member.Name+": "+a.Err.Error())
			}
		}
		if len(failed) > 0 {
			return nil, exchange.Failed(cluster.Errorf(cluster.Conflict, "%d/%d nodes reported failure: %s", len(failed), len(answers), strings.Join(failed, "; ")))
		}
		return &exchange.Reply{}, nil
	}
}
