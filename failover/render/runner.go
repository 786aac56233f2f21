package render

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"holdfast/cluster"
	"holdfast/failover/roster"
)

// Runner renders an agent's templates side by side. Templates with the same command share its runs where they can.
type Runner struct {
	open    func(text string) Data
	log     *slog.Logger
	turns   turns
	roster  *roster.Roster[*Renderer]
	changed chan struct{} // holds one: Templates answers something new
	writes  atomic.Uint64

	show           func(Preview) // in place of writing; nil to write
	stdout, stderr io.Writer     // of the commands; nil for nowhere
}

// NewRunner makes a runner without templates. open is called once for each template, with its text: it answers where that one reads.
func NewRunner(open func(text string) Data, log *slog.Logger) *Runner {
	return &Runner{open: open, log: log, changed: make(chan struct{}, 1), roster: roster.New(func(ctx context.Context, r *Renderer, former <-chan struct{}) {
		<-former // one of them may be about to write the same file
		r.Run(ctx)
		r.close()
	})}
}

// Preview has show called wherever a file would be written; nothing is written then, and no command runs. It comes before Set.
func (r *Runner) Preview(show func(Preview)) { r.show = show }

// Echo has what commands print go to these, too. It comes before Set.
func (r *Runner) Echo(stdout, stderr io.Writer) { r.stdout, r.stderr = stdout, stderr }

// Changed tells that Templates may answer something new.
func (r *Runner) Changed() <-chan struct{} { return r.changed }

// Writes is how often a file was written, by all templates that there have been.
func (r *Runner) Writes() uint64 { return r.writes.Load() }

// Look has Changed tell once more.
func (r *Runner) Look() { r.tell() }

func (r *Runner) tell() {
	select {
	case r.changed <- struct{}{}:
	default:
	}
}

// Set says which templates there are to be. Those that are there and unchanged, their sources included, go on as they are. The error is one sentence
// that names the template, and then nothing has changed.
func (r *Runner) Set(templates []Template) error {
	parsed, err := Parse(templates)
	if err != nil {
		return err
	}
	r.roster.Set(func(now []*Renderer) []*Renderer {
		var wanted []*Renderer
		for i, t := range templates {
			same := slices.IndexFunc(now, func(o *Renderer) bool { return o.source == parsed[i].text && reflect.DeepEqual(o.template, t) })
			if same >= 0 {
				wanted = append(wanted, now[same])
				continue
			}
			wanted = append(wanted, newRenderer(t, parsed[i], r.open(parsed[i].text), r))
		}
		return wanted
	})
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
func (r *Runner) Run(ctx context.Context) { r.roster.Run(ctx) }

// Once renders each template once, each as soon as what it needs is there, and answers what went wrong. A preview shows them in their order.
func (r *Runner) Once(ctx context.Context) error {
	wanted := r.roster.List()
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
	wanted := r.roster.List()
	out := make([]cluster.TemplateState, 0, len(wanted))
	for _, n := range wanted {
		out = append(out, n.State())
	}
	return out
}
