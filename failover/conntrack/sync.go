package conntrack

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"time"
)

// Options say where a Sync runs.
type Options struct {
	Dir       string     // for conntrackd's files
	Addr      netip.Addr // this machine's own, at which the other machines reach it
	Interface string     // over which; "" is the one that has Addr
	Program   string     // conntrackd; "" finds it in PATH or /usr/sbin
	Log       *slog.Logger
}

// Want is what a Sync is to do.
type Want struct {
	Cluster string   // the ID of the cluster; "" while it is not known: nothing runs
	Run     bool     // a group of the cluster wants its connections kept
	Serving []string // what this machine serves of that kind, each turn under another name
}

func (w Want) equal(o Want) bool {
	return w.Cluster == o.Cluster && w.Run == o.Run && slices.Equal(w.Serving, o.Serving)
}

// Sync runs conntrackd. Run does the work; Set may be called from any goroutine.
type Sync struct {
	o    Options
	news chan struct{}

	mu   sync.Mutex // guards following
	want Want
}

// New makes a Sync.
func New(o Options) *Sync { return &Sync{o: o, news: make(chan struct{}, 1)} }

// Set says what is to be done from now on. It does not wait for it.
func (s *Sync) Set(w Want) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.want.equal(w) {
		return
	}
	w.Serving = slices.Clone(w.Serving)
	s.want = w
	select {
	case s.news <- struct{}{}:
	default:
	}
}

func (s *Sync) wanted() Want {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.want
}

// again is the pause before conntrackd is started once more.
const again = 2 * time.Second

// Run does what is wanted until ctx ends, and ends conntrackd with it. What goes wrong is reported in a sentence, each time that it is something else.
func (s *Sync) Run(ctx context.Context, report func(why string)) {
	told := ""
	tell := func(err error) {
		if err != nil && ctx.Err() == nil && err.Error() != told {
			told = err.Error()
			report(told)
		}
	}
	for ctx.Err() == nil {
		w := s.wanted()
		if !w.Run || w.Cluster == "" {
			select {
			case <-ctx.Done():
			case <-s.news:
			}
			continue
		}
		if err := s.runOnce(ctx, w.Cluster, tell); err != nil && ctx.Err() == nil {
			tell(fmt.Errorf("established connections will not survive a move of their gateway: %w", err))
			select {
			case <-ctx.Done():
			case <-time.After(again):
			}
		}
	}
}

// runOnce runs conntrackd until it ends or is wanted no more, and has it follow what this machine serves.
func (s *Sync) runOnce(ctx context.Context, cluster string, tell func(error)) error {
	program, err := s.program()
	if err != nil {
		return err
	}
	set := settings{dir: s.o.Dir, addr: s.o.Addr, iface: s.o.Interface, cluster: cluster}
	if set.iface == "" {
		if set.iface, err = interfaceOf(s.o.Addr); err != nil {
			return err
		}
	}
	if err := os.WriteFile(set.file("conf"), []byte(set.text()), 0o600); err != nil {
		return fmt.Errorf("write conntrackd's config: %w", err)
	}
	_ = os.Remove(set.file("lock")) // an earlier one ended with its daemon
	_ = os.Remove(set.file("sock"))
	d := &daemon{program: program, config: set.file("conf"), socket: set.file("sock"), log: s.o.Log}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	ended, err := d.start(ctx)
	if err != nil {
		return err
	}
	wanted := s.follow(ctx, d, cluster, ended, tell)
	cancel()
	if err := <-ended; wanted {
		return err
	}
	return nil
}

// follow tells conntrackd what this machine comes to serve and ceases to, until it ends or is wanted no more, and reports whether it is wanted still.
func (s *Sync) follow(ctx context.Context, d *daemon, cluster string, ended chan error, tell func(error)) bool {
	var serving []string
	for {
		w := s.wanted()
		if !w.Run || w.Cluster != cluster {
			return false
		}
		var err error
		switch {
		case slices.ContainsFunc(w.Serving, func(x string) bool { return !slices.Contains(serving, x) }):
			err = errors.Join(d.command(ctx, "-R"), d.command(ctx, "-B"))
		case len(w.Serving) == 0 && len(serving) > 0:
			err = d.command(ctx, "-f", "internal")
		}
		tell(err)
		serving = w.Serving
		select {
		case <-s.news:
		case err := <-ended:
			ended <- err
			return true
		case <-ctx.Done():
			return false
		}
	}
}

// program finds conntrackd: /usr/sbin is not in everybody's PATH.
func (s *Sync) program() (string, error) {
	for _, p := range []string{cmp.Or(s.o.Program, "conntrackd"), cmp.Or(s.o.Program, "/usr/sbin/conntrackd")} {
		if path, err := exec.LookPath(p); err == nil {
			return path, nil
		}
	}
	return "", errors.New("conntrackd is not installed on this machine (Debian: apt install conntrackd)")
}

// interfaceOf is the interface that has an address.
func interfaceOf(a netip.Addr) (string, error) {
	ifs, err := net.Interfaces()
	if err != nil {
		return "", fmt.Errorf("list the interfaces: %w", err)
	}
	for _, i := range ifs {
		addrs, err := i.Addrs()
		if err != nil {
			continue
		}
		for _, x := range addrs {
			if p, err := netip.ParsePrefix(x.String()); err == nil && p.Addr() == a.Unmap() {
				if !a.Unmap().Is4() || i.Flags&net.FlagMulticast == 0 {
					return "", fmt.Errorf("conntrackd is told to speak over IPv4 multicast, which %s on %s is not for: give bind_addr an IPv4 address of a network that has it", a, i.Name)
				}
				return i.Name, nil
			}
		}
	}
	return "", fmt.Errorf("no interface has this machine's address %s", a)
}

// daemon is one life of conntrackd.
type daemon struct {
	program, config, socket string
	log                     *slog.Logger
}

// How long it has until it takes commands, and to end.
const (
	startWithin = 5 * time.Second
	endWithin   = 2 * time.Second
)

// start runs it until ctx ends, and waits until it takes commands. What it gives is told how it ended.
func (d *daemon) start(ctx context.Context) (chan error, error) {
	cmd := exec.Command(d.program, "-C", d.config)
	out, in, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd.Stdout, cmd.Stderr = in, in
	started, ended, said := make(chan error, 1), make(chan error, 1), make(chan string, 1)
	go func() { said <- d.relay(out) }()
	go func() {
		err := cmp.Or(runTied(cmd, started), errors.New("exit status 0"))
		_ = in.Close()
		if last := <-said; last != "" {
			err = fmt.Errorf("%w: %s", err, last)
		}
		ended <- fmt.Errorf("conntrackd ended: %w", err)
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("conntrackd does not start: %w", err)
	}
	stop := context.AfterFunc(ctx, func() {
		_ = cmd.Process.Signal(os.Interrupt)
		time.AfterFunc(endWithin, func() { _ = cmd.Process.Kill() }) // it has ended, as a rule
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(startWithin); ; {
		select {
		case err := <-ended:
			stop()
			return nil, err
		case <-tick.C:
		}
		if c, err := net.Dial("unix", d.socket); err == nil {
			_ = c.Close()
			return ended, nil
		}
		if time.Now().After(deadline) {
			_ = cmd.Process.Kill()
			return nil, fmt.Errorf("conntrackd takes no commands %s after its start", startWithin)
		}
	}
}

// relay puts what it says into the log, and answers the last line: where it ended by itself, that is why.
func (d *daemon) relay(out io.ReadCloser) (last string) {
	defer out.Close()
	for s := bufio.NewScanner(out); s.Scan(); {
		if line := strings.TrimSpace(s.Text()); line != "" {
			last = line
			d.log.Debug("conntrackd says", "line", line)
		}
	}
	return last
}

// commandWithin bounds a command.
const commandWithin = 10 * time.Second

// command has it do something.
func (d *daemon) command(ctx context.Context, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, commandWithin)
	defer cancel()
	out, err := exec.CommandContext(ctx, d.program, append([]string{"-C", d.config}, args...)...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("conntrackd %s: %w: %s", strings.Join(args, " "), err, strings.TrimSpace(string(out)))
	}
	return nil
}
