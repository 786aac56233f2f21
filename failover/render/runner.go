package render

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"sync"

	"holdfast/cluster"
)

// Runner renders an agent's templates side by side. Templates with the same command share its runs where they can.
type Runner struct {
	open  func() Data
	log   *slog.Logger
	turns turns
	show  func(Preview) // in place of writing; nil to write
	kick  chan struct{} // holds one: the list has changed
	loops sync.WaitGroup

	mu     sync.Mutex // guards following
	wanted []*Renderer
	active []*Renderer // those of wanted that run
}

// NewRunner makes a runner without templates. open is called once for each template: it answers where that one reads.
func NewRunner(open func() Data, log *slog.Logger) *Runner {
	return &Runner{open: open, log: log, kick: make(chan struct{}, 1)}
}

// Preview has show called wherever a file would be written; nothing is written then, and no command runs. It comes before Set.
func (r *Runner) Preview(show func(Preview)) { r.show = show }

// Set says which templates there are to be. Those that are there and unchanged, their sources included, go on as they are. The error is one sentence
// that names the template, and then nothing has changed.
func (r *Runner) Set(templates []Template) error {
	parsed, err := Parse(templates)
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var wanted []*Renderer
	for i, t := range templates {
		same := slices.IndexFunc(r.wanted, func(o *Renderer) bool { return o.source == parsed[i].text && reflect.DeepEqual(o.template, t) })
		if same >= 0 {
			wanted = append(wanted, r.wanted[same])
			continue
		}
		n := newRenderer(t, parsed[i], r.open(), &r.turns, r.log)
		n.show = r.show
		wanted = append(wanted, n)
	}
	r.wanted = wanted
	select {
	case r.kick <- struct{}{}:
	default:
	}
	return nil
}

// Parse checks and parses templates. The error is one sentence that names the template.
func Parse(templates []Template) ([]Parsed, error) {
	out := make([]Parsed, 0, len(templates))
	seen := map[string]bool{}
	for _, t := range templates {
		if err := t.Check(); err != nil {
			return nil, err
		}
		path := filepath.Clean(t.Destination)
		if seen[path] {
			return nil, fmt.Errorf("two templates have the destination %s", path)
		}
		seen[path] = true
		p, err := t.parse()
		if err != nil {
			return nil, fmt.Errorf("the template for %s: %w", t.Destination, err)
		}
		out = append(out, p)
	}
	return out, nil
}

// Run renders until ctx ends and the commands that run then have ended.
func (r *Runner) Run(ctx context.Context) {
	defer r.loops.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.kick:
			r.agree(ctx)
		}
	}
}

// agree ends the templates that are not wanted any more and begins the new ones.
func (r *Runner) agree(ctx context.Context) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var former []*Renderer
	for _, o := range r.active {
		if !slices.Contains(r.wanted, o) {
			o.cancel()
			former = append(former, o)
		}
	}
	for _, n := range r.wanted {
		if !slices.Contains(r.active, n) {
			var loop context.Context
			loop, n.cancel = context.WithCancel(ctx)
			r.loops.Go(func() {
				defer close(n.done)
				for _, f := range former {
					<-f.done // it may be about to write the same file
				}
				n.Run(loop)
			})
		}
	}
	r.active = slices.Clone(r.wanted)
}

// Once renders each template once, each as soon as what it needs is there, and answers what went wrong. A preview shows them in their order.
func (r *Runner) Once(ctx context.Context) error {
	r.mu.Lock()
	wanted := slices.Clone(r.wanted)
	r.mu.Unlock()
	if r.show != nil {
		for _, n := range wanted {
			if err := n.once(ctx); err != nil {
				return fmt.Errorf("%s: %w", n.template.Destination, err)
			}
		}
		return nil
	}
	errs := make([]error, len(wanted))
	var all sync.WaitGroup
	for i, n := range wanted {
		all.Go(func() {
			if err := n.once(ctx); err != nil {
				errs[i] = fmt.Errorf("%s: %w", n.template.Destination, err)
			}
		})
	}
	all.Wait()
	return cmp.Or(errs...)
}

// Templates says what each template is doing, in the order of the config.
func (r *Runner) Templates() []cluster.TemplateState {
	r.mu.Lock()
	wanted := slices.Clone(r.wanted)
	r.mu.Unlock()
	out := make([]cluster.TemplateState, 0, len(wanted))
	for _, n := range wanted {
		out = append(out, n.State())
	}
	return out
}
