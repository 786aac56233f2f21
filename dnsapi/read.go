package dnsapi

import (
	"context"
	"strings"
	"time"

	"github.com/miekg/dns"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// Reader is what the answers are read from.
type Reader interface {
	Query(ctx context.Context, opts cluster.QueryOptions, fn func(*state.View) error) (cluster.QueryMeta, error)
}

const (
	queryTimeout = 2 * time.Second        // for one question that asks the leader
	maxWaiting   = 1024                   // questions that wait for the leader at a time
	behindPause  = 100 * time.Millisecond // between attempts to catch up with the leader
)

// query reads the state, this member's as it is or as fresh as the leader says.
func (h *handler) query(ctx context.Context, c *Config, fn func(*state.View) error) error {
	if ok, err := h.stale(ctx, c, fn); ok {
		return err
	}
	select {
	case h.waiting <- struct{}{}:
		defer func() { <-h.waiting }()
	default:
		return cluster.Errorf(cluster.Unavailable, "%d questions wait for the leader already: set dns_config.allow_stale to answer without it", maxWaiting)
	}
	ctx, cancel := context.WithTimeout(ctx, queryTimeout)
	defer cancel()
	_, err := h.reader.Query(ctx, cluster.QueryOptions{}, fn)
	return err
}

// stale reads this member's state as it is, without waiting for anyone. It is not ok where that may not be answered from.
func (h *handler) stale(ctx context.Context, c *Config, fn func(*state.View) error) (ok bool, err error) {
	if !c.AllowStale || h.behind.Load() {
		return false, nil
	}
	meta, err := h.reader.Query(ctx, cluster.QueryOptions{Consistency: cluster.Stale}, fn)
	return err != nil || c.MaxStale == 0 || meta.LastContact <= c.MaxStale, err
}

// waits reports whether answering may take longer than to look into the state.
func (h *handler) waits(c *Config) bool {
	if c.recurses() {
		return true
	}
	ok, _ := h.stale(h.ctx, c, func(*state.View) error { return nil })
	return !ok
}

// goesAbroad reports whether another datacenter may have to be asked.
func (c *Config) goesAbroad(req *dns.Msg) bool {
	if c.Abroad == nil || len(req.Question) != 1 {
		return false
	}
	k := parseName(c, strings.ToLower(req.Question[0].Name)).kind
	return k == abroad || k == preparedQuery
}

// catchUp holds back what is in the state until it has been as fresh as the leader's once. A member that was started again has an older state, or
// none, until a leader tells it how much of its log counts: that a name does not exist would be a lie then, which resolvers remember.
func (h *handler) catchUp() {
	for h.ctx.Err() == nil {
		if _, err := h.reader.Query(h.ctx, cluster.QueryOptions{}, func(*state.View) error { return nil }); err == nil {
			h.behind.Store(false)
			return
		}
		select {
		case <-time.After(behindPause):
		case <-h.ctx.Done():
		}
	}
}
