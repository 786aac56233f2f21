package daemontest

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"
)

// Workload is concurrent clients that read and write a few keys. Half of the clients stay with one member, so that whatever it says in
// and after a fault is on record; the others ask a random one each time.
type Workload struct {
	Members  []*KV
	Clients  int
	Keys     []string
	Patience time.Duration // for one operation
	Rest     time.Duration // the mean pause between two operations of a client
}

// Run lets the clients work until ctx ends, and returns when all of them have had their last answer.
func (w Workload) Run(ctx context.Context, h *History) {
	var clients sync.WaitGroup
	for n := range w.Clients {
		clients.Go(func() { w.client(ctx, h, n) })
	}
	clients.Wait()
}

func (w Workload) client(ctx context.Context, h *History, n int) {
	for i := 0; ctx.Err() == nil; i++ {
		kv := w.Members[rand.N(len(w.Members))]
		if n%2 == 0 {
			kv = w.Members[n/2%len(w.Members)]
		}
		once, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.Patience)
		err := Operate(once, h, n, kv, w.draw(h, fmt.Sprintf("%d.%d", n, i)))
		cancel()
		rest := rand.N(2 * w.Rest)
		if err != nil {
			rest += 20 * time.Millisecond
		}
		Pause(ctx, rest)
	}
}

// draw makes a random call whose value nobody else uses.
func (w Workload) draw(h *History, value string) Call {
	c := Call{Key: w.Keys[rand.N(len(w.Keys))]}
	switch n := rand.N(100); {
	case n < 25:
		c.Verb, c.How = Get, ""
	case n < 50:
		c.Verb, c.How = Get, "consistent"
	case n < 70:
		c.Verb, c.Value = Put, value
	case n < 90:
		c.Verb, c.Value, c.Expect = CAS, value, string(h.Seen(c.Key).Value)
	case n < 95:
		c.Verb = Delete
	default:
		c.Verb, c.Expect = DeleteCAS, string(h.Seen(c.Key).Value)
	}
	return c
}

// Operate carries out a call through a member and adds it to the history. A get's How is its consistency, "" or "consistent".
func Operate(ctx context.Context, h *History, client int, kv *KV, c Call) error {
	query := c.How
	c.How = kv.Member + " " + c.How
	called := h.Now()
	if c.Verb == Get {
		return read(ctx, h, client, kv, called, c, query)
	}
	ok, err := change(ctx, h, kv, c)
	if err == nil || !NotDone(err) {
		h.Add(client, called, c, Return{OK: ok, Unknown: err != nil})
	}
	return err
}

func read(ctx context.Context, h *History, client int, kv *KV, called time.Duration, c Call, query string) error {
	e, _, err := kv.Get(ctx, c.Key, query)
	if err != nil {
		return err
	}
	var r Return
	if e != nil {
		r.Value = string(e.Value)
	}
	h.Add(client, called, c, r)
	h.See(c.Key, e)
	return nil
}

func change(ctx context.Context, h *History, kv *KV, c Call) (bool, error) {
	switch c.Verb {
	case Put:
		return kv.Put(ctx, c.Key, c.Value, "")
	case CAS:
		return kv.Put(ctx, c.Key, c.Value, "cas="+strconv.FormatUint(h.version(c.Expect), 10))
	case DeleteCAS:
		return kv.Delete(ctx, c.Key, "cas="+strconv.FormatUint(h.version(c.Expect), 10))
	}
	return kv.Delete(ctx, c.Key, "")
}
