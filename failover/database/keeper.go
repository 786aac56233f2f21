package database

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// DefaultEvery and DefaultTimeout are what Options that leave them out mean.
const (
	DefaultEvery   = time.Second
	DefaultTimeout = 10 * time.Second
)

// Keeper keeps one server in its role.
type Keeper struct {
	opts Options
	log  *slog.Logger

	mu      sync.Mutex // guards following, and the conversation with the server
	primary bool       // Begin has succeeded and End was not called
	told    string     // what was logged last

	asked     sync.Mutex // guards following
	beginning int        // Begins under way
}

// New makes a keeper; Run starts it.
func New(o Options, log *slog.Logger) *Keeper {
	o.Every, o.Timeout = cmp.Or(o.Every, DefaultEvery), cmp.Or(o.Timeout, DefaultTimeout)
	return &Keeper{opts: o, log: log.With("component", "database", "address", o.Address)}
}

// Begin makes the server the primary. The word is for the timeline.
func (k *Keeper) Begin(ctx context.Context) (string, error) {
	k.begin(1)
	defer k.begin(-1)
	if !k.alreadyWritable(ctx) {
		t := time.NewTimer(k.opts.Settle)
		defer t.Stop()
		k.mu.Lock()
		err := k.with(ctx, (*server).deafen)
		k.mu.Unlock()
		if err != nil {
			return "", fmt.Errorf("the database at %s does not become the primary: %w", k.opts.Address, err)
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return "", ctx.Err()
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if err := k.with(ctx, (*server).promote); err != nil {
		return "", fmt.Errorf("the database at %s does not become the primary: %w", k.opts.Address, err)
	}
	k.primary = true
	return "the database at " + k.opts.Address + " is the primary", nil
}

func (k *Keeper) begin(n int) {
	k.asked.Lock()
	defer k.asked.Unlock()
	k.beginning += n
}

// alreadyWritable reports whether the server is a primary as it stands: then waiting would change nothing.
func (k *Keeper) alreadyWritable(ctx context.Context) (yes bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	err := k.with(ctx, func(s *server, ctx context.Context) (err error) {
		yes, err = s.writable(ctx)
		return err
	})
	return yes && err == nil
}

// End makes the server read-only. The word is for the timeline. Where the server does not answer, it is none that could write.
func (k *Keeper) End(ctx context.Context) (string, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.primary = false
	if err := k.with(ctx, (*server).demote); err != nil {
		return "", fmt.Errorf("the database at %s does not become a replica: %w", k.opts.Address, err)
	}
	return "the database at " + k.opts.Address + " is read-only", nil
}

// Run keeps the server in its role until ctx ends. A server that is no primary after grace is made a replica: so long a daemon that was started
// again has to say that it goes on.
func (k *Keeper) Run(ctx context.Context, grace time.Duration) {
	t := time.NewTimer(grace)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		k.tell(k.keep(ctx))
		t.Reset(k.opts.Every)
	}
}

// keep looks once.
func (k *Keeper) keep(ctx context.Context) error {
	k.asked.Lock()
	busy := k.beginning > 0
	k.asked.Unlock()
	if busy {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.with(ctx, func(s *server, ctx context.Context) error {
		w, err := s.writable(ctx)
		switch {
		case err != nil:
			return err
		case k.primary && !w:
			return errors.Join(s.deafen(ctx), s.promote(ctx)) // it was started again
		case k.primary:
			return nil
		case w:
			if err := s.demote(ctx); err != nil {
				return err
			}
		}
		if k.opts.From == "" {
			return nil
		}
		return s.follow(ctx, &k.opts)
	})
}

// tell logs what has changed.
func (k *Keeper) tell(err error) {
	text := ""
	if err != nil && !errors.Is(err, context.Canceled) {
		text = err.Error()
	}
	if text == k.told {
		return
	}
	k.told = text
	if text == "" {
		k.log.Info("the database is in its role again")
		return
	}
	k.log.Warn("the database is not in its role", "error", text)
}

// with has a conversation with the server.
func (k *Keeper) with(ctx context.Context, talk func(*server, context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, k.opts.Timeout)
	defer cancel()
	s, err := open(ctx, &k.opts)
	if err != nil {
		return err
	}
	defer s.Close()
	return talk(s, ctx)
}
