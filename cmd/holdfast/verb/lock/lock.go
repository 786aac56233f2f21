// Package lock is the verb that runs a program while it holds a lock, or one of a few seats, in the key/value store.
//
// A lock is the key PREFIX/.lock, acquired by a session. Of n seats each contender writes a key of its own, PREFIX/SESSION, and the key
// PREFIX/.lock lists who has one. Both are as other programs that speak the API know them, so a Go program with the client library and this
// verb keep each other out. When the session or the key is lost, the program is told to end, and killed 5 s later.
package lock

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"holdfast/cmd/holdfast/verb"
)

// Verb is the lock verb.
func Verb() verb.Verb {
	return verb.Verb{
		Name: "lock", Args: "PREFIX PROGRAM ...", Short: "run a program while holding a lock, on one machine at a time", Run: runLock,
		Long: "It waits for the lock at the key PREFIX/.lock, runs the program, and gives the lock back when that ends. If the lock is lost meanwhile, the " +
			"program gets SIGTERM, and SIGKILL 5 s later. With -n as many may run at once. The program finds CONSUL_LOCK_HELD=true in its environment; " +
			"its flags stand behind it, those of lock before PREFIX.\n\n" +
			"    holdfast lock jobs/backup /usr/local/bin/backup --full\n" +
			"    holdfast lock -n 2 jobs/convert 'convert *.raw'\n" +
			"    holdfast lock -timeout=10s -child-exit-code jobs/nightly ./nightly",
	}
}

// options are what the flags of lock say.
type options struct {
	n             int
	name          string
	shell         bool
	passStdin     bool
	childExitCode bool
	verbose       bool
	timeout       time.Duration
	retries       int
	prefix        string
	program       []string
}

func (o *options) register(fs *flag.FlagSet) {
	fs.IntVar(&o.n, "n", 1, "how `many` may hold it at once; the same for all that use PREFIX")
	fs.StringVar(&o.name, "name", "", "`name` of the session, for those who look at it")
	fs.BoolVar(&o.shell, "shell", true, "run the program by a shell; -shell=false runs it itself, with each argument as it is")
	fs.BoolVar(&o.passStdin, "pass-stdin", false, "let the program read standard input")
	fs.BoolVar(&o.childExitCode, "child-exit-code", false, "exit with 2 where the program fails")
	fs.BoolVar(&o.verbose, "verbose", false, "say what is done")
	fs.DurationVar(&o.timeout, "timeout", 0, "the longest `time` to wait for the lock; 0 waits for ever")
	fs.DurationVar(&o.timeout, "try", 0, "an older name of -timeout")
	fs.IntVar(&o.retries, "monitor-retry", 3, "how `often` the agent is asked again while it does not answer, a second apart, before the lock counts as lost")
}

func (o *options) parse(c *verb.Console, args []string) (*verb.Client, error) {
	fs := c.Flags()
	o.register(fs)
	var f verb.ClientFlags
	f.Register(c, fs)
	if err := verb.ParseProgram(fs, args); err != nil {
		return nil, err
	}
	switch {
	case fs.NArg() < 2:
		return nil, verb.UsageError("want a prefix of keys, and a program to run" + verb.Given(fs.Args()))
	case o.n < 1:
		return nil, verb.UsageError("-n must be at least 1")
	case o.timeout < 0 || o.retries < 0:
		return nil, verb.UsageError("-timeout and -monitor-retry cannot be negative")
	}
	o.prefix, o.program = strings.Trim(fs.Arg(0), "/"), fs.Args()[1:]
	o.name = cmp.Or(o.name, fmt.Sprintf("lock for %q at %q", filepath.Base(o.program[0]), o.prefix))
	return f.Client(c)
}

func runLock(ctx context.Context, c *verb.Console, args []string) error {
	var o options
	cl, err := o.parse(c, args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	say := func(format string, args ...any) {
		if o.verbose {
			fmt.Fprintf(c.Out, format+"\n", args...)
		}
	}
	s := &session{cl: cl, name: o.name, retries: o.retries}
	if err := s.open(ctx); err != nil {
		return err
	}
	defer s.close()
	var l holding
	if o.n == 1 {
		l = &mutex{s: s, key: o.prefix + "/.lock"}
		say("Setting up lock at path: %s/.lock", o.prefix)
	} else {
		l = &semaphore{s: s, prefix: o.prefix, limit: o.n}
		say("Setting up semaphore (limit %d) at prefix: %s", o.n, o.prefix)
	}
	say("Attempting lock acquisition")
	if err := o.acquire(ctx, l); err != nil {
		l.release() // what it has written meanwhile
		if stopped := ctx.Err(); stopped != nil {
			return errors.New("stopped before the lock was acquired")
		}
		return err
	}
	say("Starting handler")
	err = o.hold(ctx, c, s, l)
	say("Child terminated, releasing lock")
	l.release()
	say("Cleanup succeeded")
	return err
}

// holding is a lock or a seat.
type holding interface {
	acquire(ctx context.Context) error // waits
	held(ctx context.Context) error    // ends when it is lost, or ctx is
	release()
}

func (o *options) acquire(ctx context.Context, l holding) error {
	if o.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.timeout)
		defer cancel()
	}
	err := l.acquire(ctx)
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return fmt.Errorf("the lock at %s was not acquired within %s: others hold it", o.prefix, o.timeout)
	}
	return err
}

// hold runs the program for as long as the lock is held.
func (o *options) hold(ctx context.Context, c *verb.Console, s *session, l holding) error {
	watch, done := context.WithCancel(ctx)
	defer done()
	lost := make(chan error, 2)
	go func() { lost <- s.renew(watch) }()
	go func() { lost <- l.held(watch) }()
	p := program{args: o.program, shell: o.shell}
	if o.passStdin {
		p.in = c.In
	}
	p.out, p.err = c.Out, c.Err
	ended, err := p.start()
	if err != nil {
		err = fmt.Errorf("the program was not started: %w", err)
		if o.childExitCode {
			err = verb.Failure{Code: 2, Err: err}
		}
		return err
	}
	select {
	case err = <-ended:
	case err := <-lost:
		p.stop(ended)
		if ctx.Err() != nil {
			return nil // the user has ended it
		}
		return fmt.Errorf("the lock at %s is lost, and the program was ended: %w", o.prefix, err)
	}
	if err == nil {
		return nil
	}
	fmt.Fprintf(c.Err, "the program has failed: %v\n", err)
	if o.childExitCode {
		return verb.Exit(2)
	}
	return nil
}
