package remote

import (
	"maps"
	"net/url"
	"slices"
)

// Answer is what an agent has said to one question, in a form that travels.
type Answer struct {
	Path, Query string
	Found       bool
	Body        []byte
}

func (a Answer) key() string { return a.Path + "?" + a.Query }

// shareable reports whether every agent would answer the same.
func shareable(path string, query url.Values) bool {
	return path != "/v1/agent/self" && query.Get("near") != "_agent"
}

// Answers are the answers that the template had the last time, but for those that are this machine's alone.
func (d *Data) Answers() []Answer {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := []Answer{}
	for _, key := range slices.Sorted(maps.Keys(d.answers)) {
		if a := d.answers[key]; shareable(a.path, a.query) {
			out = append(out, Answer{a.path, a.query.Encode(), a.found, a.body})
		}
	}
	return out
}

// Adopt has the template answered with what others were told, in place of asking the agent. Other questions are asked as before, and with nil all.
func (d *Data) Adopt(answers []Answer) {
	d.mu.Lock()
	adopted := make(map[string]Answer, len(answers))
	for _, a := range answers {
		adopted[a.key()] = a
	}
	for key, a := range d.answers {
		if shareable(a.path, a.query) {
			if a.stop != nil {
				a.stop()
			}
			delete(d.answers, key)
		}
	}
	d.adopted = adopted
	d.mu.Unlock()
	d.poke()
}
