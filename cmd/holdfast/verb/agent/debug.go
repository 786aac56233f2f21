package agent

import (
	"archive/tar"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"

	"holdfast/cmd/holdfast/verb"
)

// Bounds of a bundle.
const (
	leastDuration = 10 * time.Second
	leastInterval = 5 * time.Second
)

// What can be captured: by Consul's names.
var targets = []string{"agent", "host", "members", "metrics", "logs", "pprof", "cluster", "failover"}

func debugVerb() verb.Verb {
	return verb.Verb{
		Name: "debug", Short: "record what an agent does for a while, in one file for those who look for a fault", Run: runDebug,
		Long: "The file holds what the agent says of itself, its machine and the members, its metrics at every interval, its log in all detail, and " +
			"profiles where enable_debug is set. It may hold secrets that were logged: look at it before you give it away.\n\n" +
			"    holdfast debug\n    holdfast debug -duration=10m -interval=1m -capture=logs -capture=metrics",
	}
}

// bundle is what the flags of debug say.
type bundle struct {
	duration, interval time.Duration
	capture            verb.Texts
	output             string
	archive            bool

	c      *verb.Console
	cl     *verb.Client
	dir    string // where the files are gathered
	failed []string
}

func (b *bundle) register(fs *flag.FlagSet) {
	fs.DurationVar(&b.duration, "duration", 2*time.Minute, "for how `long` the agent is watched; at least 10s")
	fs.DurationVar(&b.interval, "interval", 30*time.Second, "how `often` metrics and profiles are taken; at least 5s")
	fs.Var(&b.capture, "capture", "`what` to record, if not all: "+strings.Join(targets, ", ")+"; may be repeated")
	fs.StringVar(&b.output, "output", "", "`name` of the file without .tar.gz, or of the directory; else holdfast-debug- and the time")
	fs.BoolVar(&b.archive, "archive", true, "pack it all into one .tar.gz; -archive=false leaves a directory")
	fs.Duration("since", 0, "")
}

func runDebug(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	b := &bundle{c: c}
	b.register(fs)
	cl, err := verb.Connect(c, fs, args, 0, 0, "no arguments")
	if err != nil {
		return err
	}
	b.cl = cl
	if err := b.validate(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	if b.archive {
		b.dir, err = os.MkdirTemp("", "holdfast-debug-")
		defer func() { _ = os.RemoveAll(b.dir) }() // it is packed
	} else {
		b.dir, err = b.output, os.Mkdir(b.output, 0o700)
	}
	if err != nil {
		return fmt.Errorf("cannot make the directory for the bundle: %w", err)
	}
	if err := b.greet(ctx); err != nil {
		return err
	}
	if err := b.record(ctx); err != nil {
		return err
	}
	for _, why := range b.failed {
		fmt.Fprintln(c.Err, "not captured:", why)
	}
	where := b.output
	if b.archive {
		where += ".tar.gz"
		if err := pack(where, b.dir, filepath.Base(b.output)); err != nil {
			return fmt.Errorf("cannot write the bundle: %w", err)
		}
	}
	_, err = fmt.Fprintf(c.Out, "Saved debug archive: %s\n", where)
	return err
}

func (b *bundle) validate() error {
	switch {
	case b.duration < leastDuration:
		return verb.UsageError(fmt.Sprintf("-duration %s is too short: want at least %s", b.duration, leastDuration))
	case b.interval < leastInterval:
		return verb.UsageError(fmt.Sprintf("-interval %s is too short: want at least %s", b.interval, leastInterval))
	case b.interval > b.duration:
		return verb.UsageError(fmt.Sprintf("-interval %s is longer than -duration %s", b.interval, b.duration))
	}
	for _, t := range b.capture {
		if !slices.Contains(targets, t) {
			return verb.UsageError(fmt.Sprintf("there is nothing called %q to capture; there are %s", t, strings.Join(targets, ", ")))
		}
	}
	b.output = cmp.Or(b.output, "holdfast-debug-"+time.Now().UTC().Format("2006-01-02T15-04-05Z"))
	for _, taken := range []string{b.output, b.output + ".tar.gz"} {
		if _, err := os.Lstat(taken); err == nil {
			return fmt.Errorf("%s exists: choose another -output", taken)
		}
	}
	return nil
}

func (b *bundle) wants(target string) bool {
	return len(b.capture) == 0 || slices.Contains(b.capture, target)
}

func (b *bundle) greet(ctx context.Context) error {
	var self struct {
		Config struct{ NodeName, Version string }
	}
	if err := b.cl.Do(ctx, http.MethodGet, "/v1/agent/self", nil, nil, &self); err != nil {
		return err
	}
	_, err := fmt.Fprintf(b.c.Out, "==> Recording agent %s (%s) for %s, every %s; Ctrl-C ends it early and keeps what there is\n",
		self.Config.NodeName, self.Config.Version, b.duration, b.interval)
	return err
}

// record gathers everything until the time is over or the user has had enough.
func (b *bundle) record(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, b.duration)
	defer cancel()
	for _, f := range []struct{ target, file, path string }{
		{"agent", "agent.json", "/v1/agent/self"},
		{"host", "host.json", "/v1/agent/host"},
		{"members", "members.json", "/v1/agent/members"},
		{"cluster", "raft.json", "/v1/operator/raft/configuration"},
		{"cluster", "nodes.json", "/v1/catalog/nodes"},
		{"cluster", "checks.json", "/v1/agent/checks"},
		{"failover", "failover.json", "/v1/failover/status"},
		{"failover", "timeline.json", "/v1/failover/timeline"},
	} {
		if b.wants(f.target) {
			if err := b.fetch(ctx, f.file, f.path, verb.Stale()); err != nil {
				return err
			}
		}
	}
	g, ctx := errgroup.WithContext(ctx)
	if b.wants("logs") {
		g.Go(func() error { return b.log(ctx) })
	}
	g.Go(func() error { return b.sample(ctx) })
	return g.Wait()
}

// fetch writes one answer into a file. What the agent refuses is told at the end; what cannot be kept ends it.
func (b *bundle) fetch(ctx context.Context, file, path string, q url.Values) error {
	answer, err := b.cl.Raw(ctx, http.MethodGet, path, q, nil)
	switch {
	case ctx.Err() != nil:
		return nil
	case err != nil:
		b.failed = append(b.failed, file+": "+err.Error())
		return nil
	}
	file = filepath.Join(b.dir, file)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	return os.WriteFile(file, answer, 0o600)
}

// log keeps the agent's log.
func (b *bundle) log(ctx context.Context) error {
	f, err := os.OpenFile(filepath.Join(b.dir, "holdfast.log"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = b.cl.Download(ctx, "/v1/agent/monitor", url.Values{"loglevel": {"debug"}}, f)
	if ctx.Err() != nil {
		err = nil
	}
	return errors.Join(err, f.Close())
}

// sample takes metrics and profiles at every interval.
func (b *bundle) sample(ctx context.Context) error {
	tick := time.NewTicker(b.interval)
	defer tick.Stop()
	profiles := b.wants("pprof")
	for {
		at := time.Now().UTC().Format("15-04-05")
		if b.wants("metrics") {
			if err := b.fetch(ctx, filepath.Join(at, "metrics.json"), "/v1/agent/metrics", nil); err != nil {
				return err
			}
		}
		if profiles {
			refused := len(b.failed)
			for _, p := range []string{"heap", "goroutine"} {
				if err := b.fetch(ctx, filepath.Join(at, p+".prof"), "/debug/pprof/"+p, nil); err != nil {
					return err
				}
				if profiles = len(b.failed) == refused; !profiles { // it says so once
					break
				}
			}
			if profiles {
				seconds := max(1, int(min(b.interval/2, 10*time.Second).Seconds()))
				if err := b.fetch(ctx, filepath.Join(at, "profile.prof"), "/debug/pprof/profile", url.Values{"seconds": {strconv.Itoa(seconds)}}); err != nil {
					return err
				}
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// pack writes a directory into a .tar.gz, under the name root.
func pack(file, dir, root string) (err error) {
	out, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	z := gzip.NewWriter(out)
	t := tar.NewWriter(z)
	err = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		st, err := d.Info()
		if err != nil {
			return err
		}
		if err := t.WriteHeader(&tar.Header{Name: root + "/" + name, Mode: 0o600, Size: st.Size(), ModTime: st.ModTime()}); err != nil {
			return err
		}
		in, err := os.Open(path)
		if err != nil {
			return err
		}
		defer in.Close()
		_, err = io.Copy(t, in)
		return err
	})
	return errors.Join(err, t.Close(), z.Close())
}
