package template

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
	"time"

	"holdfast/cluster"
	"holdfast/cmd/holdfast/verb"
	"holdfast/failover/render"
	"holdfast/failover/render/child"
)

// process is one run of the verb: templates, and the child beside them. Its fields belong to the goroutine that follows them.
type process struct {
	console  *verb.Console
	flags    *flags
	fs       *flag.FlagSet
	settings *settings
	log      *slog.Logger

	runner *render.Runner
	silent chan error // the agent has not answered, however often it was asked
	ready  bool       // everything has been rendered once

	child *running
	told  uint64           // how many writes of templates the child knows of
	quiet <-chan time.Time // when to tell it of more; nil for never
}

// running is a child that runs.
type running struct {
	*child.Child
	cancel context.CancelFunc
	ended  chan error // its exit code, as verb.Exit, or why it could not be started
}

// together is how long files are waited for that change with the first: the child is told of them once.
const together = 20 * time.Millisecond

// run renders until it is done, or ended.
func (p *process) run(ctx context.Context) error {
	a, err := p.asker()
	if err != nil {
		return code(exitConfig, err)
	}
	var opened []closer
	defer func() {
		for _, d := range opened {
			d.Close()
		}
	}()
	p.runner = render.NewRunner(func(text string) render.Data {
		d := p.data(a, text)
		opened = append(opened, d)
		return d
	}, p.log)
	p.runner.Echo(p.console.Out, p.console.Err)
	if p.flags.dry {
		p.runner.Preview(p.show)
	}
	if err := p.runner.Set(p.settings.templates); err != nil || p.settings.parseOnly {
		return code(exitRunning, err)
	}
	if err := p.writePid(); err != nil {
		return code(exitRunning, err)
	}
	defer p.removePid()
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 16)
	p.listen(signals)
	defer signal.Stop(signals)
	rendered, done := make(chan error, 1), make(chan struct{})
	once := p.settings.once
	go func() {
		defer close(done)
		if once {
			rendered <- p.runner.Once(ctx)
			return
		}
		p.runner.Run(ctx)
	}()
	defer func() {
		p.endChild()
		cancel()
		<-done
	}()
	return p.follow(ctx, signals, rendered)
}

// follow does what is to be done about what happens.
func (p *process) follow(ctx context.Context, signals <-chan os.Signal, rendered <-chan error) error {
	for {
		var ended <-chan error
		if p.child != nil {
			ended = p.child.ended
		}
		select {
		case <-p.runner.Changed():
			if err := p.look(); err != nil {
				return code(exitRunning, err)
			}
		case err := <-rendered: // with -once
			if p.ready = true; err != nil || p.settings.child == nil || p.flags.dry {
				return code(exitRunning, err)
			}
			p.startChild()
		case err := <-p.silent:
			if !p.ready {
				return code(exitRunning, err)
			}
		case <-p.quiet:
			p.quiet = nil
			p.child.Reload()
		case err := <-ended:
			p.child = nil
			return code(exitRunning, err)
		case s := <-signals:
			if err := p.signal(s); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
}

// look looks at how the templates fare.
func (p *process) look() error {
	if p.settings.once {
		return nil // Once answers it
	}
	all, writes := true, p.runner.Writes()
	for i, t := range p.runner.Templates() {
		commanded := t.Phase == cluster.TemplateFailed && t.Command.Error != ""
		switch {
		case t.Phase == cluster.TemplateFailed && (commanded || p.settings.fatal[i]), t.Phase == cluster.TemplateWaiting && p.settings.missing:
			return fmt.Errorf("%s: %s", t.Destination, t.Why)
		}
		all = all && (t.Phase == cluster.TemplateRendered || t.Writes > 0)
	}
	p.ready = p.ready || all
	switch {
	case p.settings.child == nil || p.flags.dry || !p.ready:
	case p.child == nil && all:
		p.startChild()
		p.told = writes
	case p.child != nil && writes > p.told && p.quiet == nil:
		p.quiet = time.After(together)
		p.told = writes
	default:
	}
	return nil
}

func (p *process) startChild() {
	o := *p.settings.child
	o.Stdin, o.Stdout, o.Stderr = p.console.In, p.console.Out, p.console.Err
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Child: child.New(o), cancel: cancel, ended: make(chan error, 1)}
	p.child, p.quiet = r, nil
	p.log.Info("the program begins", "program", o.Command)
	go func() {
		n, err := r.Run(ctx)
		if err == nil {
			err = verb.Exit(n)
		}
		r.ended <- err
	}()
}

// endChild ends the child, if there is one, and waits for it.
func (p *process) endChild() {
	if p.child == nil {
		return
	}
	p.child.cancel()
	<-p.child.ended
	p.child, p.quiet = nil, nil
}

// listen has signals come that mean something.
func (p *process) listen(to chan<- os.Signal) {
	signal.Notify(to, child.Passed...)
	for _, s := range []syscall.Signal{p.settings.reload, p.settings.kill} {
		if s != 0 {
			signal.Notify(to, s)
		}
	}
}

// signal does what a signal asks for. What is neither of the two that are its own goes to the child; without one the usual ones end it.
func (p *process) signal(s os.Signal) error {
	switch {
	case s == p.settings.kill:
		return verb.Exit(exitInterrupted)
	case s == p.settings.reload:
		p.reread()
	case p.child != nil:
		p.child.Signal(s.(syscall.Signal))
	case slices.Contains([]os.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT}, s):
		return verb.Exit(exitInterrupted)
	}
	return nil
}

// reread takes what config files and templates say now. With a mistake in them all stays as it is.
func (p *process) reread() {
	if p.settings.once {
		p.log.Warn("nothing is read again with -once")
		return
	}
	s, err := p.flags.settings(p.fs)
	if err == nil && len(s.templates) == 0 {
		err = errors.New("there is no template")
	}
	if err == nil {
		err = p.runner.Set(s.templates)
	}
	if err != nil {
		p.log.Error("the configuration is not taken, and what ran before runs on", "error", err)
		return
	}
	s.warn(p.log)
	if fmt.Sprint(s.agent) != fmt.Sprint(p.settings.agent) || s.pidFile != p.settings.pidFile || s.once != p.settings.once {
		p.log.Warn("the agent's address and credentials, pid_file and once are taken at a start alone")
		s.agent, s.pidFile, s.once = p.settings.agent, p.settings.pidFile, p.settings.once
	}
	if !p.settings.sameChild(s) {
		p.endChild()
	}
	p.settings, p.ready = s, p.ready && p.child != nil
	p.log.Info("the configuration is read again", "templates", len(s.templates))
	p.runner.Look()
}

func (p *process) writePid() error {
	if p.settings.pidFile == "" {
		return nil
	}
	err := os.WriteFile(p.settings.pidFile, []byte(strconv.Itoa(os.Getpid())), 0o644) //nolint:gosec // others are to read it
	if err != nil {
		return fmt.Errorf("cannot write the pid file: %w", err)
	}
	return nil
}

func (p *process) removePid() {
	if p.settings.pidFile != "" {
		_ = os.Remove(p.settings.pidFile) // somebody may have done so
	}
}

// show prints what would be rendered.
func (p *process) show(v render.Preview) {
	if p.flags.diff {
		_, _ = io.WriteString(p.console.Out, v.Diff())
		return
	}
	fmt.Fprintf(p.console.Out, "> %s\n%s", v.Destination, v.Text)
}
