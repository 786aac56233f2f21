package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"

	"holdfast/cmd/holdfast/config"
)

// settle is how long the config files must have been left alone before they are read: whoever changes one may write it in pieces, or others, too.
const settle = 500 * time.Millisecond

// autoReload reads the configuration again whenever what stands in its files is not what it was (auto_reload_config).
type autoReload struct {
	paths  []string // of the files, and of directories of such
	format string
	reload func(context.Context) error
	events *fsnotify.Watcher
	known  string                   // the fingerprint of what was read last
	named  atomic.Pointer[[]string] // files that the configuration names and that are read with it
}

// newAutoReload listens to the directories of the files: an editor puts a new file in the place of the old one.
func newAutoReload(flags *config.Flags, named []string, reload func(context.Context) error) (*autoReload, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("auto_reload_config: cannot listen to the files: %w", err)
	}
	a := &autoReload{paths: flags.Files, format: flags.Format, reload: reload, events: w, known: config.Fingerprint(flags.Files, flags.Format, named)}
	for _, p := range a.paths {
		if p == "" {
			continue
		}
		if st, err := os.Stat(p); err != nil || !st.IsDir() {
			p = filepath.Dir(p)
		}
		if err := w.Add(p); err != nil {
			_ = w.Close() // it was only listening
			return nil, fmt.Errorf("auto_reload_config: cannot listen to %s: %w", p, err)
		}
	}
	if err := a.follow(named); err != nil {
		_ = w.Close() // the same
		return nil, err
	}
	return a, nil
}

// follow listens to the files that the configuration names, besides its own.
func (a *autoReload) follow(named []string) error {
	a.named.Store(&named)
	for _, file := range named {
		if err := a.events.Add(filepath.Dir(file)); err != nil {
			return fmt.Errorf("auto_reload_config: cannot listen to %s: %w", file, err)
		}
	}
	return nil
}

// run ends with the context.
func (a *autoReload) run(ctx context.Context) {
	defer a.events.Close()
	quiet := time.NewTimer(time.Hour)
	quiet.Stop()
	defer quiet.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.events.Events:
			quiet.Reset(settle)
		case <-a.events.Errors: // some events may be lost
			quiet.Reset(settle)
		case <-quiet.C:
			a.look(ctx)
		}
	}
}

// look reads the configuration, if it has changed.
func (a *autoReload) look(ctx context.Context) {
	now := config.Fingerprint(a.paths, a.format, *a.named.Load())
	if now == a.known {
		return
	}
	a.known = now
	_ = a.reload(ctx) // the log says what is wrong
}
