package watch

import (
	"bytes"
	"context"
	"maps"
	"net/url"
	"strconv"
	"time"

	"holdfast/cluster"
)

// Source answers questions in the paths, parameters and JSON of the HTTP API.
type Source interface {
	Ask(ctx context.Context, path string, query url.Values) (Answer, error)
}

// Answer is what a source says.
type Answer struct {
	Found bool // false where what was asked for does not exist
	Body  []byte
	Index uint64
}

// Result is an answer as a handler has it.
type Result struct {
	JSON  []byte // without a newline
	Index uint64
	last  string // the last event of it
}

// Follower follows the answer to the question of one watch. It belongs to one goroutine.
type Follower struct {
	source Source
	watch  *cluster.Watch
	path   string
	query  url.Values

	begun bool   // a result was taken
	taken Result // the newest; its index is the newest that was read
}

// NewFollower makes a follower that has seen nothing.
func NewFollower(source Source, w *cluster.Watch) *Follower {
	path, query := question(w)
	return &Follower{source: source, watch: w, path: path, query: query}
}

// Next waits until the answer is another one than the taken one, for as long as wait; 0 means without end. ok is false where it has
// waited in vain. The first answer is always news.
func (f *Follower) Next(ctx context.Context, wait time.Duration) (r Result, ok bool, err error) {
	var deadline time.Time
	if wait > 0 {
		deadline = time.Now().Add(wait)
	}
	for {
		left := time.Duration(0)
		if wait > 0 {
			if left = time.Until(deadline); left <= 0 {
				return Result{}, false, nil
			}
		}
		r, err := f.read(ctx, f.taken.Index, left)
		if err != nil || f.isNews(r) {
			return r, err == nil, err
		}
		f.taken.Index = r.Index
	}
}

// isNews reports whether a result says something else than the one that was taken.
func (f *Follower) isNews(r Result) bool {
	if f.watch.Type == "event" && f.begun {
		return r.last != f.taken.last && r.last != ""
	}
	return !f.begun || !bytes.Equal(r.JSON, f.taken.JSON)
}

// Now is how things are, whether that is news or not.
func (f *Follower) Now(ctx context.Context) (Result, error) { return f.read(ctx, 0, 0) }

// Take says that a result is dealt with: Next waits for another one.
func (f *Follower) Take(r Result) { f.begun, f.taken = true, r }

// read asks once. With an index above 0 it waits until the answer's is another one, for as long as wait; 0 means the source's default.
func (f *Follower) read(ctx context.Context, index uint64, wait time.Duration) (Result, error) {
	q := maps.Clone(f.query)
	if f.begun && f.watch.Type != "event" {
		q.Set("stale", "") // what the leader has said once, the state beside the source goes on with
	}
	if index > 0 {
		q.Set("index", strconv.FormatUint(index, 10))
		if wait > 0 {
			q.Set("wait", wait.String())
		}
	}
	a, err := f.source.Ask(ctx, f.path, q)
	if err != nil {
		return Result{}, err
	}
	out, last, err := handed(f.watch, a, f.taken.last)
	return Result{JSON: out, Index: a.Index, last: last}, err
}
