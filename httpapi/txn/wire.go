package txn

import (
	"bytes"
	"encoding/json"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
	"holdfast/httpapi/wire"
)

// operation is one operation of a body.
type operation struct {
	KV      *kvOperation
	Node    *nodeOperation
	Service *serviceOperation
	Check   *checkOperation
}

type kvOperation struct {
	Verb    string
	Key     string
	Value   []byte
	Flags   uint64
	Index   uint64
	Session string

	Namespace, Partition json.RawMessage // not looked at
}

type nodeOperation struct {
	Verb string
	Node nodeInput
}

// nodeInput is a node in a body.
type nodeInput struct {
	ID              string
	Node            string
	Address         string
	Datacenter      string
	TaggedAddresses map[string]string
	Meta            map[string]string
	ModifyIndex     uint64

	// What clients send back as they have read it, and what is not ours.
	CreateIndex                   uint64
	Partition, PeerName, Locality json.RawMessage
}

type serviceOperation struct {
	Verb    string
	Node    string
	Service wire.ServiceInput
}

type checkOperation struct {
	Verb  string
	Check wire.CheckInput
}

// operation is what the body asks for. An empty one, which is refused later, comes of null.
func (o *operation) operation(datacenter string) (out cluster.Operation) {
	if o == nil {
		return out
	}
	if k := o.KV; k != nil {
		out.KV = &cluster.KVOperation{
			Verb:  cluster.KVVerb(k.Verb),
			Entry: cluster.KVEntry{Key: k.Key, Value: k.Value, Flags: k.Flags, Session: k.Session, ModifyIndex: k.Index},
		}
	}
	if n := o.Node; n != nil {
		out.Node = &cluster.NodeOperation{Verb: cluster.CatalogVerb(n.Verb), Node: cluster.Node{
			ID: n.Node.ID, Name: n.Node.Node, Address: n.Node.Address, Datacenter: datacenter, TaggedAddresses: n.Node.TaggedAddresses,
			Meta: n.Node.Meta, ModifyIndex: n.Node.ModifyIndex,
		}}
	}
	if s := o.Service; s != nil {
		instance := s.Service.Instance(s.Node)
		instance.ModifyIndex = s.Service.ModifyIndex
		out.Service = &cluster.ServiceOperation{Verb: cluster.CatalogVerb(s.Verb), Service: *instance}
	}
	if c := o.Check; c != nil {
		check := c.Check.Check("")
		check.ModifyIndex = c.Check.ModifyIndex
		out.Check = &cluster.CheckOperation{Verb: cluster.CatalogVerb(c.Verb), Check: *check}
	}
	return out
}

// result is the JSON of what became of a transaction: the rows, or the errors.
type result cluster.TransactionResult

// failure is an operation that failed.
type failure struct {
	OpIndex int
	What    string
}

// AppendJSON writes the result.
func (r *result) AppendJSON(b []byte) []byte { return exchange.AppendList(b, r) }

// Frame is what stands around the rows, or around the errors.
func (r *result) Frame() (before, after string) {
	if len(r.Errors) > 0 {
		return `{"Results":null,"Errors":[`, "]}"
	}
	return `{"Results":[`, `],"Errors":null}`
}

// Len is how many rows there are, or errors.
func (r *result) Len() int { return len(r.Rows) + len(r.Errors) } // one of them is empty

// Size is about how long the JSON is.
func (r *result) Size() (n int) {
	for _, row := range r.Rows {
		if row.KV != nil {
			n += wire.KVEntrySize(row.KV)
		}
	}
	return n // the others are few
}

// AppendElement writes a row or an error.
func (r *result) AppendElement(b []byte, i int) []byte {
	if len(r.Errors) > 0 {
		return appendValue(b, failure{r.Errors[i].Operation, r.Errors[i].What})
	}
	return append(appendRow(b, r.Rows[i]), '}')
}

func appendRow(b []byte, row cluster.TransactionRow) []byte {
	switch {
	case row.KV != nil:
		return wire.AppendKVEntry(append(b, `{"KV":`...), row.KV)
	case row.Node != nil:
		n := wire.FromNode(row.Node)
		n.TaggedAddresses, n.Meta = row.Node.TaggedAddresses, row.Node.Meta // here Consul answers null where there are none
		return appendValue(append(b, `{"Node":`...), n)
	case row.Service != nil:
		return appendValue(append(b, `{"Service":`...), wire.FromService(row.Service))
	case row.Check != nil:
		c := wire.FromCheck(row.Check)
		c.ServiceTags = row.Check.ServiceTags
		return appendValue(append(b, `{"Check":`...), c)
	}
	return append(b, '{')
}

func appendValue(b []byte, v any) []byte {
	to := bytes.NewBuffer(b)
	e := json.NewEncoder(to)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return append(b, "null"...) // text and numbers always encode
	}
	return to.Bytes()[:to.Len()-1] // without the encoder's newline
}
