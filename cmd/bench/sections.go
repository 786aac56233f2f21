package main

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync/atomic"
	"time"
)

// section is some figures that belong together.
type section struct {
	name, what string
	run        func(*bench) error
}

// sections are in the order in which they are measured: the last ones leave a cluster without its leader.
var sections = []section{
	{"put", "writes of 512 bytes", (*bench).put},
	{"get", "reads of 512 bytes", (*bench).get},
	{"health", "the passing instances of a service", (*bench).health},
	{"watch", "from a write to the answer of who waits for it", (*bench).watch},
	{"dns", "from a check to the DNS answer", (*bench).follow},
	{"session", "create, acquire, release, destroy", (*bench).session},
	{"register", "a service, until it is visible", (*bench).register},
	{"proxy", "TCP connections, beside HAProxy", (*bench).proxy},
	{"state", "memory, disk and restart with many keys", (*bench).state},
	{"freeze", "the leader is stopped", (*bench).freeze},
	{"kill", "the leader is killed", (*bench).kill},
}

func sectionNames() (names []string) {
	for _, s := range sections {
		names = append(names, s.name)
	}
	return names
}

func (b *bench) put() error {
	send := func(c *conn, _, _ int) error { return c.ok("PUT", key(rand.IntN(keyCount)), value()) } //nolint:gosec // it is load
	for _, x := range []struct {
		name    string
		at      *member
		clients int
	}{{"PUT at the leader", b.leader, 1}, {"PUT at the leader", b.leader, 64}, {"PUT at a follower", b.follower, 64}} {
		if err := b.throughput(x.name, x.at, x.clients, send); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) get() error {
	err := each(keyCount, 16, func(_, i int) error {
		c := conn{addr: b.leader.http}
		defer c.close()
		return c.ok("PUT", key(i), value())
	})
	if err != nil {
		return err
	}
	for _, x := range []struct {
		name, query string
		at          *member
	}{
		{"GET at the leader", "", b.leader},
		{"GET ?stale at a follower", "?stale", b.follower},
		{"GET at a follower", "", b.follower},
		{"GET ?consistent at the leader", "?consistent", b.leader},
	} {
		send := func(c *conn, _, _ int) error { return c.ok("GET", key(rand.IntN(keyCount))+x.query, nil) } //nolint:gosec // it is load
		if err := b.throughput(x.name, x.at, 64, send); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) health() error {
	for _, instances := range []int{10, 200} {
		name := fmt.Sprintf("web-%d", instances)
		err := each(instances, 8, func(_, i int) error {
			c := conn{addr: b.leader.http}
			defer c.close()
			return c.ok("PUT", "/v1/catalog/register", fmt.Appendf(nil, `{"Node":"node-%d","Address":"10.9.%d.%d","Service":{"ID":"%[4]s","Service":"%[4]s","Port":80,
				"Tags":["primary","v1"],"Meta":{"zone":"a"}},"Check":{"CheckID":"%[4]s","Name":"alive","Status":"passing","ServiceID":"%[4]s","Output":"ok"}}`,
				i, i/100, i%100+1, name))
		})
		if err != nil {
			return err
		}
		send := func(c *conn, _, _ int) error {
			if err := c.ok("GET", "/v1/health/service/"+name+"?passing", nil); err != nil {
				return err
			}
			if c.size < 100*instances {
				return fmt.Errorf("%d bytes say too little of %d instances", c.size, instances)
			}
			return nil
		}
		if err := b.throughput(fmt.Sprintf("health/service?passing of %d", instances), b.leader, 64, send); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) session() error {
	for _, clients := range []int{1, 16} {
		err := b.throughput("session create, acquire, release, destroy", b.leader, clients, func(c *conn, client, _ int) error {
			if err := c.ok("PUT", "/v1/session/create", []byte(`{"Name":"bench","TTL":"60s"}`)); err != nil {
				return err
			}
			var made struct{ ID string }
			if err := json.Unmarshal(c.body, &made); err != nil {
				return err
			}
			for _, verb := range []string{"acquire", "release"} {
				err := c.ok("PUT", fmt.Sprintf("/v1/kv/bench/lock/%d?%s=%s", client, verb, made.ID), []byte("me"))
				if err == nil && !bytes.HasPrefix(c.body, []byte("true")) {
					err = fmt.Errorf("%s: %s", verb, c.body)
				}
				if err != nil {
					return err
				}
			}
			return c.ok("PUT", "/v1/session/destroy/"+made.ID, nil)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// register registers services that nobody has yet, and takes them away again.
func (b *bench) register() error {
	var count atomic.Int64
	defer func() {
		_ = each(int(count.Load()), 8, func(_, i int) error {
			c := conn{addr: b.follower.http}
			defer c.close()
			return c.ok("PUT", "/v1/agent/service/deregister/reg-"+strconv.Itoa(i+1), nil)
		})
	}()
	for _, clients := range []int{1, 8} {
		err := b.throughput("register until visible, at a follower", b.follower, clients, func(c *conn, _, _ int) error {
			name := "reg-" + strconv.FormatInt(count.Add(1), 10)
			if err := c.ok("PUT", "/v1/agent/service/register", []byte(`{"Name":"`+name+`","Port":80,"Tags":["a"]}`)); err != nil {
				return err
			}
			for limit := time.Now().Add(requestLimit); time.Now().Before(limit); time.Sleep(time.Millisecond) {
				if err := c.ok("GET", "/v1/health/service/"+name, nil); err != nil || c.size > len("[]\n") {
					return err
				}
			}
			return errors.New("a service that was registered is not visible")
		})
		if err != nil {
			return err
		}
	}
	return nil
}

const txnSize = 64 // sets in a transaction

// state loads keys through transactions, looks at what they take, and restarts a follower.
func (b *bench) state() error {
	began := time.Now()
	conns := make([]conn, 4)
	err := each(b.keys/txnSize, len(conns), func(w, i int) error {
		conns[w].addr = b.leader.http
		return conns[w].ok("PUT", "/v1/txn", sets(i*txnSize))
	})
	for i := range conns {
		conns[i].close()
	}
	if err != nil {
		return err
	}
	of := fmt.Sprintf("%d keys of 512 B", b.keys)
	b.add(figure{"load " + of + " in transactions", "keys/s", false}, float64(b.keys)/time.Since(began).Seconds())
	time.Sleep(2 * time.Second)
	b.add(figure{of + ": memory of the leader", "MiB", true}, b.leader.resident())
	b.add(figure{of + ": data_dir of the leader", "MiB", true}, b.leader.disk())
	return b.restart(of)
}

func sets(from int) []byte {
	out := []byte{'['}
	for i := range txnSize {
		if i > 0 {
			out = append(out, ',')
		}
		out = fmt.Appendf(out, `{"KV":{"Verb":"set","Key":"load/%06d","Value":"%s"}}`, from+i, base64.StdEncoding.EncodeToString(value()))
	}
	return append(out, ']')
}

// restart kills a follower and waits until it has every key again, for good: some servers answer at first from the leader, and then from
// an older state of their own.
func (b *bench) restart(of string) error {
	last := value()
	c := conn{addr: b.leader.http}
	defer c.close()
	if err := c.ok("PUT", "/v1/kv/bench/last", last); err != nil {
		return err
	}
	b.cluster.kill(b.follower)
	began := time.Now()
	if err := b.cluster.start(b.follower); err != nil {
		return err
	}
	var since time.Time
	a := conn{addr: b.follower.http}
	defer a.close()
	err := until(b.ctx, func() bool {
		if err := a.do("GET", "/v1/kv/bench/last?stale&raw", nil, time.Second); err != nil || a.status != 200 || !bytes.Equal(a.body, last) {
			since = time.Time{}
			return false
		}
		if since.IsZero() {
			since = time.Now()
		}
		return time.Since(since) > time.Second
	})
	if err != nil {
		return fmt.Errorf("a member that was restarted: %w", err)
	}
	b.add(figure{of + ": restart until all are served", "s", true}, since.Sub(began).Seconds())
	return b.cluster.passing(b.ctx, b.leader)
}
