package gossip

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"

	"holdfast/cluster"
)

// keyRequest asks one member for an operation. It goes straight to the member, over gossip's TCP and encrypted as all gossip is: nobody hears a
// key who has none.
type keyRequest struct {
	id   uint64 // tells the answer
	from string // who asks
	op   cluster.KeyOp
	key  []byte
}

// keyAnswer is the answer to it.
type keyAnswer struct {
	id      uint64
	failure string // "" for none
	keys    [][]byte
}

const (
	maxKey    = 32
	maxKeys   = 48  // of one keyring: their answer fits into a message
	maxReason = 256 // bytes of a failure
)

func (r keyRequest) encode() []byte {
	b := binary.AppendUvarint([]byte{keyRequestMessage}, r.id)
	return appendBytes(append(appendBytes(b, r.from), byte(r.op)), r.key)
}

// decodeKeyRequest reads a request behind its first byte. It copies the key.
func decodeKeyRequest(b []byte) (keyRequest, error) {
	r := reader{buf: b}
	q := keyRequest{id: r.uvarint(), from: r.string(maxName), op: cluster.KeyOp(r.byte()), key: slices.Clone(r.bytes(maxKey))}
	switch {
	case r.err != nil:
		return keyRequest{}, r.err
	case q.op < cluster.ListKeys || q.op > cluster.RemoveKey:
		return keyRequest{}, fmt.Errorf("operation %d on keys is not known here", q.op)
	}
	return q, checkName(q.from)
}

func (a keyAnswer) encode() []byte {
	b := binary.AppendUvarint([]byte{keyAnswerMessage}, a.id)
	b = appendBytes(b, a.failure[:min(len(a.failure), maxReason)])
	b = binary.AppendUvarint(b, uint64(len(a.keys)))
	for _, k := range a.keys {
		b = appendBytes(b, k)
	}
	return b
}

// decodeKeyAnswer reads an answer behind its first byte. It copies the keys.
func decodeKeyAnswer(b []byte) (keyAnswer, error) {
	r := reader{buf: b}
	a := keyAnswer{id: r.uvarint(), failure: r.string(maxReason)}
	for range r.count() {
		a.keys = append(a.keys, slices.Clone(r.bytes(maxKey)))
	}
	if r.err != nil {
		return keyAnswer{}, r.err
	}
	return a, nil
}

// keyQueries are the answers that are waited for.
type keyQueries struct {
	mu      sync.Mutex // guards following
	waiting map[uint64]chan keyAnswer
}

func (q *keyQueries) expect() (id uint64, answer <-chan keyAnswer, forget func()) {
	ch := make(chan keyAnswer, 1)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == nil {
		q.waiting = map[uint64]chan keyAnswer{}
	}
	id = rand.Uint64() //nolint:gosec // it tells answers apart, and guards nothing
	q.waiting[id] = ch
	return id, ch, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		delete(q.waiting, id)
	}
}

func (q *keyQueries) answered(a keyAnswer) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if ch := q.waiting[a.id]; ch != nil {
		delete(q.waiting, a.id)
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
	if !p.start(func() { sent <- p.sendTo(name, keyRequest{id: id, from: p.cfg.Name, op: op, key: key}.encode()) }) {
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
			if a.failure != "" {
				return nil, errors.New(a.failure)
			}
			return a.keys, nil
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
func (p *Pool) serveKey(q keyRequest) {
	a := keyAnswer{id: q.id}
	var err error
	if q.op != cluster.ListKeys {
		err = checkKey(q.key)
	}
	if err == nil {
		a.keys, err = p.doKey(q.op, q.key)
	}
	if err != nil {
		a.failure, a.keys = err.Error(), nil
	}
	if err := p.sendTo(q.from, a.encode()); err != nil {
		p.log.Warn("cannot answer about the gossip keys", "member", q.from, "error", err)
	}
}
