// Package remote is render's Data over an agent's HTTP API: for templates that are rendered by a process of their own. Each question that a
// template asks is asked once, and followed by a blocking query for as long as the template asks it; so nothing is polled here either.
package remote

import (
	"bytes"
	"context"
	"net/url"
	"sync"
	"time"

	"holdfast/failover/render/language"
)

// Asker asks an agent.
type Asker interface {
	// Ask answers a GET. found is false where the agent says that there is none. index is the answer's, 0 where it has none.
	Ask(ctx context.Context, path string, query url.Values) (body []byte, index uint64, found bool, err error)
}

// Data answers one template from an agent. Close ends it.
type Data struct {
	asker  Asker
	ctx    context.Context // ends what follows questions
	cancel context.CancelFunc
	loops  sync.WaitGroup
	moved  chan struct{} // has one element once an answer is another

	mu      sync.Mutex // guards following
	answers map[string]*answer
	adopted map[string]Answer // by path and query
	reads   uint64
}

// answer is what the agent said last, and who follows it.
type answer struct {
	path  string
	query url.Values
	body  []byte
	found bool
	index uint64
	read  uint64 // the number of the Read that asked last
	stop  context.CancelFunc
}

// New makes the Data of an agent.
func New(asker Asker) *Data {
	ctx, cancel := context.WithCancel(context.Background())
	return &Data{asker: asker, ctx: ctx, cancel: cancel, moved: make(chan struct{}, 1), answers: map[string]*answer{}}
}

// Close ends what follows the questions.
func (d *Data) Close() {
	d.cancel()
	d.loops.Wait()
}

// Read implements render.Data.
func (d *Data) Read(ctx context.Context, after uint64, fn func(language.Source) error) (uint64, error) {
	if after > 0 {
		select {
		case <-d.moved:
		case <-ctx.Done():
			return after, ctx.Err()
		}
	}
	d.mu.Lock()
	d.reads++
	read := d.reads
	d.mu.Unlock()
	src := &source{d: d, ctx: ctx, read: read}
	err := fn(src)
	if src.err != nil {
		err = src.err // what fn made of it does not count
	}
	if err != nil {
		d.poke() // what has moved is still to be seen
		return after, err
	}
	d.follow(read)
	return read, nil
}

// ask answers from what is known, or asks the agent.
func (d *Data) ask(ctx context.Context, read uint64, path string, query url.Values) (body []byte, found bool, err error) {
	key := path + "?" + query.Encode()
	d.mu.Lock()
	a := d.answers[key]
	if a != nil {
		a.read = read
		body, found = a.body, a.found
	} else if s, ok := d.adopted[key]; ok {
		a = &answer{path: path, query: query, body: s.Body, found: s.Found, read: read} // without an index nobody follows it
		d.answers[key] = a
		body, found = a.body, a.found
	}
	d.mu.Unlock()
	if a != nil {
		return body, found, nil
	}
	body, index, found, err := d.asker.Ask(ctx, path, query)
	if err != nil {
		return nil, false, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.answers[key] = &answer{path: path, query: query, body: body, found: found, index: index, read: read}
	return body, found, nil
}

// follow sees to it that the questions of this Read are followed, and no others.
func (d *Data) follow(read uint64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for key, a := range d.answers {
		switch {
		case a.read != read:
			if a.stop != nil {
				a.stop()
			}
			delete(d.answers, key)
		case a.stop == nil && a.index > 0:
			var ctx context.Context
			ctx, a.stop = context.WithCancel(d.ctx)
			d.loops.Go(func() { d.watch(ctx, a) })
		}
	}
}

// between is how long a question rests after the agent has not answered.
const between = time.Second

// watch asks one question again whenever its answer may have changed.
func (d *Data) watch(ctx context.Context, a *answer) {
	for ctx.Err() == nil {
		d.mu.Lock()
		index := a.index
		d.mu.Unlock()
		body, index, found, err := d.asker.Ask(ctx, a.path, blocking(a.query, index))
		if err != nil || index == 0 {
			d.mu.Lock()
			a.index = 0 // whoever answers next may count otherwise
			d.mu.Unlock()
			select {
			case <-time.After(between):
			case <-ctx.Done():
			}
			continue
		}
		d.mu.Lock()
		if ctx.Err() != nil { // the template has ceased to ask while the answer came
			d.mu.Unlock()
			return
		}
		changed := found != a.found || !bytes.Equal(body, a.body)
		a.body, a.found, a.index = body, found, index
		d.mu.Unlock()
		if changed {
			d.poke()
		}
	}
}

func (d *Data) poke() {
	select {
	case d.moved <- struct{}{}:
	default:
	}
}
