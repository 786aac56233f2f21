// Package dedup lets one of many processes that render the same template ask for all of them: it holds a lock, and writes what it was told into the
// key of the lock; the others render from that, and follow this one key. When it goes, another takes over. Whoever meets a question that is not among
// the answers, because its environment differs, say, or whoever cannot read them, asks for itself: nobody waits for anybody.
package dedup

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"log/slog"
	"strings"
	"time"

	"holdfast/cluster/pause"
	"holdfast/failover/render/language"
	"holdfast/failover/render/remote"
)

// Store holds the keys.
type Store interface {
	// Open makes a session that ends when nobody renews it for this long.
	Open(ctx context.Context, ttl time.Duration) (session string, err error)
	Renew(ctx context.Context, session string) error
	Close(session string)
	// Read answers a key, and who holds it, once its index is above this one. Without a key the value is nil.
	Read(ctx context.Context, key string, after uint64) (value []byte, holder string, index uint64, err error)
	// Write writes a key if this session holds it, or nobody does: then it holds it from now on.
	Write(ctx context.Context, key, session string, value []byte) (done bool, err error)
}

// Options say where the answers are shared.
type Options struct {
	Prefix string        // of the keys
	TTL    time.Duration // for how long one that has gone is waited for; the store may take twice as long
}

// Data answers one template. Close ends it.
type Data struct {
	*remote.Data
	store  Store
	opts   Options
	key    string
	log    *slog.Logger
	read   chan struct{} // holds one: the template has been answered
	known  chan struct{} // closed once it is known who asks
	cancel context.CancelFunc
	done   chan struct{}
}

// firstWait is how long a template is not answered while it is not known who asks.
const firstWait = 5 * time.Second

// between is how long the store rests after it has not answered.
const between = time.Second

// takeAgain is how long a key rests that nobody holds and that could not be taken.
const takeAgain = 100 * time.Millisecond

// New makes the Data of the template with this text, and begins to share it.
func New(asker remote.Asker, store Store, text string, opts Options, log *slog.Logger) *Data {
	sum := sha256.Sum256([]byte(text))
	ctx, cancel := context.WithCancel(context.Background())
	d := &Data{
		Data: remote.New(asker), store: store, opts: opts, key: strings.Trim(opts.Prefix, "/") + "/" + hex.EncodeToString(sum[:16]) + "/answers", log: log,
		read: make(chan struct{}, 1), known: make(chan struct{}), cancel: cancel, done: make(chan struct{}),
	}
	go d.run(ctx)
	return d
}

// Close ends it, and lets another take over at once.
func (d *Data) Close() {
	d.cancel()
	<-d.done
	d.Data.Close()
}

// Read implements render.Data.
func (d *Data) Read(ctx context.Context, after uint64, fn func(language.Source) error) (uint64, error) {
	select {
	case <-d.known:
	case <-time.After(firstWait):
	case <-ctx.Done():
		return after, ctx.Err()
	}
	index, err := d.Data.Read(ctx, after, fn)
	if err == nil {
		select {
		case d.read <- struct{}{}:
		default:
		}
	}
	return index, err
}

// run shares until ctx ends.
func (d *Data) run(ctx context.Context) {
	defer close(d.done)
	for ctx.Err() == nil {
		err := d.share(ctx)
		if ctx.Err() != nil {
			return
		}
		d.log.Warn("answers are not shared for a moment", "key", d.key, "error", err)
		d.Adopt(nil)
		pause.For(ctx, between)
	}
}

// share shares for the length of a session.
func (d *Data) share(ctx context.Context) error {
	session, err := d.store.Open(ctx, d.opts.TTL)
	if err != nil {
		return err
	}
	defer d.store.Close(session)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go d.renew(ctx, session, cancel)
	s := &sharing{Data: d, session: session}
	var index uint64
	for first := true; ; first = false {
		value, holder, next, err := d.store.Read(ctx, d.key, index)
		if err != nil {
			return errors.Join(context.Cause(ctx), err)
		}
		index = next
		switch again, err := s.turn(ctx, value, holder); {
		case err != nil:
			return err
		case again:
			index = 0
			if !pause.For(ctx, takeAgain) {
				return context.Cause(ctx)
			}
		}
		if first {
			d.tellKnown()
		}
	}
}

func (d *Data) tellKnown() {
	select {
	case <-d.known:
	default:
		close(d.known)
	}
}

// renew keeps the session.
func (d *Data) renew(ctx context.Context, session string, lost context.CancelCauseFunc) {
	for pause.For(ctx, d.opts.TTL/3) {
		if err := d.store.Renew(ctx, session); err != nil && ctx.Err() == nil {
			lost(err)
			return
		}
	}
}

// sharing is what is shared during one session.
type sharing struct {
	*Data
	session string
	stop    context.CancelFunc // ends what is written; nil while another asks
	adopted []byte             // what the other was told
}

// turn does what follows from the key. again reports that nobody holds it, and that it could not be taken all the same: its last holder has just gone.
func (s *sharing) turn(ctx context.Context, value []byte, holder string) (again bool, err error) {
	switch holder {
	case s.session:
		return false, nil
	case "":
		done, err := s.store.Write(ctx, s.key, s.session, value)
		if err != nil || !done {
			return err == nil, err
		}
		s.log.Info("this process asks for all that render the template", "key", s.key)
		s.Adopt(nil)
		s.adopted = nil
		var own context.Context
		own, s.stop = context.WithCancel(ctx)
		go s.write(own)
		return false, nil
	}
	if s.stop != nil {
		s.stop()
		s.stop = nil
	}
	if s.adopted != nil && bytes.Equal(value, s.adopted) {
		return false, nil
	}
	answers, err := decode(value)
	if err != nil {
		s.log.Warn("what another was told cannot be read, and this process asks for itself", "key", s.key, "error", err)
	}
	s.Adopt(answers)
	s.adopted = append([]byte{}, value...)
	return false, nil
}

// write writes what this process is told, whenever that is something new.
func (s *sharing) write(ctx context.Context) {
	var last []byte
	for {
		if value := encode(s.Answers()); value != nil && (last == nil || !bytes.Equal(value, last)) {
			if _, err := s.store.Write(ctx, s.key, s.session, value); err != nil {
				if ctx.Err() != nil {
					return
				}
				s.log.Warn("what this process was told cannot be shared", "key", s.key, "error", err)
				pause.For(ctx, between)
				continue
			}
			last = value
		}
		select {
		case <-s.read:
		case <-ctx.Done():
			return
		}
	}
}
