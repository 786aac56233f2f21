package render

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"holdfast/cluster"
	"holdfast/failover/program"
	"holdfast/failover/render/language"
)

// Renderer renders one template.
type Renderer struct {
	template Template
	source   string // the text of the template
	parsed   *language.Template
	data     Data
	owner    *Runner
	log      *slog.Logger
	memory   language.Memory

	result *language.Result // of the last execution; nil before the first one and where it failed
	err    error            // of the last execution
	seen   time.Time        // when it was

	mu    sync.Mutex // guards following
	state cluster.TemplateState
}

// newRenderer makes a Renderer. The template has been checked.
func newRenderer(t Template, parsed Parsed, data Data, owner *Runner) *Renderer {
	r := &Renderer{template: t, source: parsed.text, parsed: parsed.template, data: data, owner: owner, log: owner.log.With("template", t.Name(), "destination", t.Destination)}
	r.state = cluster.TemplateState{Source: t.Name(), Destination: t.Destination, Phase: cluster.TemplateStarting, Why: "nothing has been read yet"}
	r.state.Command.Command = commandLine(t.Command)
	return r
}

// State is what the template is doing.
func (r *Renderer) State() cluster.TemplateState {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.state
}

// pause is how long to wait before data is asked again that could not be had.
const pause = 500 * time.Millisecond

// Run renders until ctx ends.
func (r *Renderer) Run(ctx context.Context) {
	var after uint64
	for ctx.Err() == nil {
		index, err := r.read(ctx, after)
		switch {
		case errors.Is(err, errFileChanged):
			after = 0
			continue
		case err != nil:
			if ctx.Err() == nil {
				r.unread(err)
			}
			select {
			case <-time.After(pause):
			case <-ctx.Done():
			}
			after = 0
			continue
		case index == after:
			continue // nothing has changed
		}
		after = r.settle(ctx, index)
		if ctx.Err() == nil {
			r.commit(ctx)
		}
	}
}

// close gives back what the template read through, where that wants to be.
func (r *Renderer) close() {
	if c, ok := r.data.(interface{ Close() }); ok {
		c.Close()
	}
}

// once renders once, as soon as all that the template needs is there.
func (r *Renderer) once(ctx context.Context) error {
	if err := r.complete(ctx); err != nil {
		return err
	}
	r.commit(ctx)
	return r.failure()
}

// complete executes the template until nothing is missing.
func (r *Renderer) complete(ctx context.Context) error {
	var after uint64
	for {
		index, err := r.read(ctx, after)
		switch {
		case err != nil:
			return err
		case r.err != nil || len(r.result.Missing) == 0:
			return r.err
		}
		r.commit(ctx) // it says what it waits for
		after = index
	}
}

// failure is what went wrong in the last commit, nil for nothing.
func (r *Renderer) failure() error {
	if s := r.State(); s.Phase == cluster.TemplateFailed || s.Phase == cluster.TemplateRefused {
		return errors.New(s.Why)
	}
	return nil
}

// read waits for something new and executes the template on it.
func (r *Renderer) read(ctx context.Context, after uint64) (uint64, error) {
	if r.result != nil && len(r.result.Read) > 0 && after > 0 {
		var cancel context.CancelCauseFunc
		ctx, cancel = context.WithCancelCause(ctx)
		defer cancel(nil)
		go watchFiles(ctx, r.result.Read, cancel)
	}
	index, err := r.data.Read(ctx, after, func(source language.Source) error {
		result, err := r.parsed.Execute(ctx, source, &r.memory)
		if ctx.Err() != nil {
			return ctx.Err() // it may have been cut short
		}
		r.result, r.err, r.seen = result, err, time.Now()
		return nil
	})
	if errors.Is(context.Cause(ctx), errFileChanged) {
		err = errFileChanged
	}
	return index, err
}

// settle waits until it has been quiet for long enough, and answers how far it has read.
func (r *Renderer) settle(ctx context.Context, after uint64) uint64 {
	w := r.template.Wait
	if w.Min == 0 {
		return after
	}
	first := r.seen
	latest := time.Now().Add(w.Max)
	for time.Now().Before(latest) {
		quiet, cancel := context.WithTimeout(ctx, min(w.Min, time.Until(latest)))
		index, err := r.read(quiet, after)
		cancel()
		if err != nil {
			break // it is quiet; or something is wrong, which the next read meets again
		}
		after = index
	}
	r.seen = first
	return after
}

// unread says why nothing could be read.
func (r *Renderer) unread(err error) {
	r.set(cluster.TemplateStarting, "the state cannot be read: "+err.Error())
}

// set sets the phase. What is new is logged.
func (r *Renderer) set(phase, why string) {
	r.mu.Lock()
	known := r.state.Phase == phase && r.state.Why == why
	r.state.Phase, r.state.Why = phase, why
	r.mu.Unlock()
	defer r.owner.tell()
	switch {
	case known:
	case phase == cluster.TemplateRefused || phase == cluster.TemplateFailed:
		r.log.Error("a template is not rendered", "phase", phase, "why", why)
	case phase == cluster.TemplateWaiting || phase == cluster.TemplateStarting:
		r.log.Info("a template waits", "why", why)
	}
}

// commit makes the file say what the template says, and runs the command where it said something else.
func (r *Renderer) commit(ctx context.Context) {
	switch {
	case r.err != nil:
		r.set(cluster.TemplateFailed, r.err.Error())
		return
	case len(r.result.Missing) > 0:
		r.set(cluster.TemplateWaiting, "it needs "+strings.Join(r.result.Missing, ", ")+", which is not there")
		return
	}
	if r.owner.show != nil {
		r.preview()
		return
	}
	changed, err := r.template.write(ctx, r.result.Text)
	if err == nil {
		err = writeFiles(r.result.Files, changed)
	}
	if err != nil {
		phase := cluster.TemplateFailed
		if _, refused := errors.AsType[refusal](err); refused {
			phase = cluster.TemplateRefused
		}
		r.set(phase, err.Error())
		return
	}
	why := ""
	if len(r.result.Gone) > 0 {
		why = "the last values stand for keys that are gone: " + strings.Join(r.result.Gone, ", ")
	}
	r.mu.Lock()
	failedBefore := r.state.Phase == cluster.TemplateFailed && r.state.Command.Error != ""
	if changed {
		r.state.Rendered = time.Now()
		r.state.Writes++
		r.owner.writes.Add(1)
	}
	r.mu.Unlock()
	if changed {
		r.log.Info("a file is written", "bytes", len(r.result.Text))
		if failed := r.command(ctx); failed != "" {
			r.set(cluster.TemplateFailed, failed)
			return
		}
	} else if failedBefore {
		return // the file is right, and its command still has failed
	}
	r.set(cluster.TemplateRendered, why)
}

// preview shows what would be written.
func (r *Renderer) preview() {
	_, have, info, err := current(r.template.Destination)
	if err != nil {
		r.set(cluster.TemplateFailed, "cannot read "+r.template.Destination+": "+err.Error())
		return
	}
	r.owner.show(Preview{Destination: r.template.Destination, Have: string(have), Text: r.result.Text, New: info == nil})
	r.set(cluster.TemplateRendered, "")
}

// command runs the command, if there is one, and answers in a sentence what went wrong.
func (r *Renderer) command(ctx context.Context) string {
	t := &r.template
	if len(t.Command) == 0 {
		return ""
	}
	out := r.owner.turns.do(t.Command, func() (string, error) {
		p := program.Program{Env: append(t.Env.Of(os.Environ()), "HOLDFAST_TEMPLATE="+t.Destination), Timeout: t.CommandTimeout, Stdout: r.owner.stdout, Stderr: r.owner.stderr}
		return run(context.WithoutCancel(ctx), t.Command, p)
	})
	c := cluster.TemplateCommand{Command: commandLine(t.Command), Started: out.started, Took: out.took, Lag: out.started.Sub(r.seen), Output: out.output}
	why := ""
	if out.err != nil {
		c.Error = out.err.Error()
		why = "the file is written, but the command " + c.Error
		if out.output != "" {
			why += ": " + out.output
		}
	} else {
		r.log.Info("a command has run", "command", c.Command, "after", c.Lag, "took", c.Took)
	}
	r.mu.Lock()
	r.state.Command = c
	r.mu.Unlock()
	return why
}
