package txn

import (
	"fmt"
	"net/http"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/httpapi/exchange"
)

// maxBody is what the JSON of the largest command takes: base64 makes a value longer by a third.
const maxBody = 2 << 20

// Routes are the endpoints of /v1/txn. maxValue bounds each value, in bytes.
func Routes(reader exchange.Reader, writer exchange.Writer, datacenter string, maxValue int) exchange.Routes {
	h := &txnHandler{reader, writer, datacenter, maxValue}
	return exchange.Routes{"/v1/txn": {http.MethodPut: h.put}}
}

// txnHandler answers /v1/txn.
type txnHandler struct {
	reader     exchange.Reader
	writer     exchange.Writer
	datacenter string
	maxValue   int
}

func (h *txnHandler) put(r *exchange.Request) (*exchange.Reply, error) {
	c, err := h.transaction(r)
	if err != nil {
		return nil, err
	}
	if c.Writes() {
		v, err := h.writer.Apply(r.Context(), r.WriteOptions(), c)
		if err != nil {
			return nil, err
		}
		done, ok := v.(*cluster.TransactionResult)
		if !ok {
			return nil, fmt.Errorf("a transaction gave a %T", v)
		}
		return &exchange.Reply{Body: (*result)(done), Status: status(done)}, nil
	}
	var read *cluster.TransactionResult
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error { read = v.Transact(c); return nil })
	if err != nil {
		return nil, err
	}
	return &exchange.Reply{Body: (*result)(read), Status: status(read), Meta: &meta}, nil
}

func status(r *cluster.TransactionResult) int {
	if len(r.Errors) > 0 {
		return http.StatusConflict
	}
	return http.StatusOK
}

// transaction reads the body.
func (h *txnHandler) transaction(r *exchange.Request) (*cluster.Transaction, error) {
	b, err := r.ReadBody(maxBody, "the transaction")
	if err != nil {
		return nil, err
	}
	c, ok := keysIn(b)
	var body []*operation
	if !ok {
		if err := exchange.DecodeStrict(b, &body); err != nil {
			return nil, err
		}
		c = &cluster.Transaction{}
		for _, o := range body {
			c.Operations = append(c.Operations, o.operation(h.datacenter))
		}
	}
	if err := c.Validate(); err != nil {
		return nil, err
	}
	for i := range c.Operations {
		switch o := &c.Operations[i]; {
		case o.KV != nil && len(o.KV.Entry.Value) > h.maxValue:
			return nil, cluster.Errorf(cluster.TooLarge, "the value of key %q (operation %d) has %d bytes: at most %d are allowed", o.KV.Entry.Key, i, len(o.KV.Entry.Value), h.maxValue)
		case o.Node != nil:
			if err := exchange.InDatacenter(body[i].Node.Node.Datacenter, h.datacenter); err != nil {
				return nil, err
			}
		}
	}
	return c, nil
}
