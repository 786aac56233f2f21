package state

import "holdfast/cluster"

// Transact answers a transaction that only reads.
func (v *View) Transact(c *cluster.Transaction) *cluster.TransactionResult {
	return (&transaction{view: v, most: cluster.MaxTransactionRead}).run(c)
}

// transact does a transaction. Where one of its operations fails, what others have written is undone.
func (w *writer) transact(c *cluster.Transaction) *cluster.TransactionResult {
	before := w.txn.Savepoint()
	t := &transaction{view: &View{reading{txn: w.txn}}, w: w, most: cluster.MaxTransactionAnswer}
	result := t.run(c)
	if len(result.Errors) > 0 {
		w.txn.RollbackTo(before)
	}
	return result
}

// transaction is a cluster.Transaction while it is done. It reads through a View of what it has written so far.
type transaction struct {
	view *View
	w    *writer // nil where nothing may be written
	rows []cluster.TransactionRow
	size int // of the keys and values in rows, and of the rows
	most int // what size may be

	operations int
	bare       []cluster.KVEntry // the rows that are entries without their values
}

// run does every operation, also after one has failed: whoever asked learns everything that is wrong.
func (t *transaction) run(c *cluster.Transaction) *cluster.TransactionResult {
	t.operations = len(c.Operations)
	var failed []cluster.OperationError
	for i := range c.Operations {
		if err := t.do(&c.Operations[i]); err != nil {
			failed = append(failed, cluster.OperationError{Operation: i, What: err.Error()})
		}
	}
	if len(failed) > 0 {
		return &cluster.TransactionResult{Errors: failed}
	}
	return &cluster.TransactionResult{Rows: t.rows}
}

func (t *transaction) do(o *cluster.Operation) error {
	if t.w == nil && o.Writes() {
		return cluster.Errorf(cluster.Internal, "the operation writes, and was done as a read")
	}
	switch {
	case o.KV != nil:
		return t.doKV(o.KV)
	case o.Node != nil:
		return t.doObject(o.Node.Verb, o.Node.Node.ModifyIndex, t.nodeObject(o.Node))
	case o.Service != nil:
		return t.doObject(o.Service.Verb, o.Service.Service.ModifyIndex, t.serviceObject(o.Service.Service))
	case o.Check != nil:
		return t.doObject(o.Check.Verb, o.Check.Check.ModifyIndex, t.checkObject(o.Check.Check))
	}
	return cluster.Errorf(cluster.Invalid, "the operation is empty: give KV, Node, Service or Check")
}
