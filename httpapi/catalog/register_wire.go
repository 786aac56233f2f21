package catalog

import (
	"encoding/json"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
	"holdfast/httpapi/wire"
)

// registrationJSON is the body of catalog/register.
type registrationJSON struct {
	exchange.Place
	ID              string
	Node            string
	Address         string
	TaggedAddresses map[string]string
	NodeMeta        map[string]string
	Service         *wire.ServiceInput
	Check           *wire.CheckInput
	Checks          []*wire.CheckInput
	SkipNodeUpdate  bool
	Locality        *wire.Locality
	EnterpriseMeta  json.RawMessage
}

// deregistrationJSON is the body of catalog/deregister.
type deregistrationJSON struct {
	exchange.Place
	Node      string
	Address   string
	ServiceID string
	CheckID   string
}

func (b *registrationJSON) command(datacenter string) *cluster.Register {
	cmd := &cluster.Register{
		Node: cluster.Node{
			ID: b.ID, Name: b.Node, Address: b.Address, Datacenter: datacenter, TaggedAddresses: b.TaggedAddresses, Meta: b.NodeMeta,
			Locality: wire.LocalityOf(b.Locality),
		},
		SkipNodeUpdate: b.SkipNodeUpdate,
	}
	if b.Service != nil {
		cmd.Service = b.Service.Instance(b.Node)
	}
	for _, c := range append(b.Checks, b.Check) {
		if c != nil {
			cmd.Checks = append(cmd.Checks, c.Check(b.Node))
		}
	}
	return cmd
}
