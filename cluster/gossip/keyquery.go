package gossip

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"

	"holdfast/cluster"
	"holdfast/cluster/gossip/message"
)

// What is done with keys on another member is asked of it straight, over gossip's TCP and encrypted as all gossip is: nobody hears a key who has none.

// keyQueries are the answers that are waited for.
type keyQueries struct {
	mu      sync.Mutex // guards following
	waiting map[uint64]chan message.KeyAnswer
}

func (q *keyQueries) expect() (id uint64, answer <-chan message.KeyAnswer, forget func()) {
	ch := make(chan message.KeyAnswer, 1)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == nil {
		q.waiting = map[uint64]chan message.KeyAnswer{}
	}
	id = rand.Uint64() //nolint:gosec // it tells answers apart, and guards nothing
	q.waiting[id] = ch
	return id, ch, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		delete(q.waiting, id)
	}
}

func (q *keyQueries) answered(a message.KeyAnswer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if ch := q.waiting[a.ID]; ch != nil {
		delete(q.waiting, a.ID)
		ch <- a
	}
}

// Keyring does something with a key on this member and, unless alone, on every other living one, and gives all answers in the order of the
// names. ctx bounds the wait for them.
func (p *Pool) Keyring(ctx context.Context, op cluster.KeyOp, key []byte, alone bool) ([]cluster.KeyAnswer, error) {
	if _, err := p.keyring(); err != nil {
		return nil, err
	}
	if op != cluster.ListKeys {
		if err := checkKey(key); err != nil {
			return nil, err
		}
	}
	var members []cluster.Member
	for _, m := range p.Members() {
		if m.Name == p.cfg.Name || !alone && (m.Status == cluster.StatusAlive || m.Status == cluster.StatusLeaving) {
			members = append(members, m)
		}
	}
	answers := make([]cluster.KeyAnswer, len(members))
	var asking sync.WaitGroup
	for i, m := range members {
		asking.Go(func() {
			answers[i] = cluster.KeyAnswer{Member: m}
			if m.Name == p.cfg.Name {
				answers[i].Keys, answers[i].Err = p.doKey(op, key)
			} else {
				answers[i].Keys, answers[i].Err = p.askKey(ctx, m.Name, op, key)
			}
		})
	}
	asking.Wait()
	return answers, nil
}

// askKey has another member do it.
func (p *Pool) askKey(ctx context.Context, name string, op cluster.KeyOp, key []byte) ([][]byte, error) {
	id, answer, forget := p.keyQueries.expect()
	defer forget()
	sent := make(chan error, 1)
	if !p.start(func() {
		sent <- p.sendTo(name, message.KeyRequest{ID: id, From: p.cfg.Name, Op: op, Key: key}.Encode())
	}) {
		return nil, errClosed
	}
	for {
		select {
		case err := <-sent:
			if err != nil {
				return nil, err
			}
			sent = nil
		case a := <-answer:
			if a.Failure != "" {
				return nil, errors.New(a.Failure)
			}
			return a.Keys, nil
		case <-ctx.Done():
			return nil, cluster.Errorf(cluster.Unavailable, "it did not answer in time")
		}
	}
}

// sendTo sends a message to one member over TCP.
func (p *Pool) sendTo(name string, msg []byte) error {
	list, err := p.running()
	if err != nil {
		return err
	}
	for _, n := range list.Members() {
		if n.Name == name {
			return list.SendReliable(n, msg)
		}
	}
	return cluster.Errorf(cluster.NotFound, "gossip does not know the member %q", name)
}

// doKey does it on this member, and keeps the keyring on the disk.
func (p *Pool) doKey(op cluster.KeyOp, key []byte) ([][]byte, error) {
	p.keying.Lock()
	defer p.keying.Unlock()
	var err error
	switch op {
	case cluster.InstallKey:
		err = p.installKey(key)
	case cluster.UseKey:
		err = p.useKey(key)
	case cluster.RemoveKey:
		err = p.removeKey(key)
	case cluster.ListKeys:
		return p.listKeys()
	}
	if err != nil {
		return nil, err
	}
	keys, err := p.listKeys()
	if err == nil {
		err = saveKeyring(p.cfg.KeyringFile, keys)
	}
	return keys, err
}

// serveKey answers another member's request.
func (p *Pool) serveKey(q message.KeyRequest) {
	a := message.KeyAnswer{ID: q.ID}
	var err error
	if q.Op != cluster.ListKeys {
		err = checkKey(q.Key)
	}
	if err == nil {
		a.Keys, err = p.doKey(q.Op, q.Key)
	}
	if err != nil {
		a.Failure, a.Keys = err.Error(), nil
	}
	if err := p.sendTo(q.From, a.Encode()); err != nil {
		p.log.Warn("cannot answer about the gossip keys", "member", q.From, "error", err)
	}
}
