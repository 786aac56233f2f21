package catalog

import (
	"encoding/json"

	"github.com/google/uuid"

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

	EnterpriseMeta           json.RawMessage // not ours
	CreateIndex, ModifyIndex uint64          // what clients send back as they have read it
}

// deregistrationJSON is the body of catalog/deregister.
type deregistrationJSON struct {
	exchange.Place
	Node      string
	Address   string
	ServiceID string
	CheckID   string
}

// check says what is wrong with the body that the state would take.
func (b *registrationJSON) check() error {
	if b.Service != nil {
		if err := wire.Reachable(b.Service.Instance(b.Node)); err != nil {
			return err
		}
	}
	if b.ID == "" {
		return nil
	}
	if _, err := uuid.Parse(b.ID); err != nil || len(b.ID) != uuidLength { // it also parses forms that nobody looks a node up by
		return cluster.Errorf(cluster.Invalid, "Bad node ID: the field ID of node %q is %q: want a UUID, or leave it out", b.Node, b.ID)
	}
	return nil
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
