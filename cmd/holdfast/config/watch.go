package config

import (
	"errors"
	"fmt"
	"time"

	"holdfast/cluster"
)

// Watch is one of watches, in Consul's keys and with ours: timeout, retry, initial and coalesce.
type Watch struct {
	Type        string   `mapstructure:"type"`
	Key         string   `mapstructure:"key"`
	Prefix      string   `mapstructure:"prefix"`
	Service     string   `mapstructure:"service"`
	Tag         []string `mapstructure:"tag"`
	PassingOnly bool     `mapstructure:"passingonly"`
	State       string   `mapstructure:"state"`
	Name        string   `mapstructure:"name"`
	Filter      string   `mapstructure:"filter"`
	Datacenter  string   `mapstructure:"datacenter"`
	Token       string   `mapstructure:"token"`
	Stale       bool     `mapstructure:"stale"` // what a watch reads after the first time is the state of this agent anyway

	Handler     string     `mapstructure:"handler"` // the older form of args: a line for the shell
	Args        []string   `mapstructure:"args"`
	HandlerType string     `mapstructure:"handler_type"`
	HTTP        *WatchHTTP `mapstructure:"http_handler_config"`

	Timeout  *time.Duration `mapstructure:"timeout"`
	Retry    int            `mapstructure:"retry"`
	Initial  *bool          `mapstructure:"initial"`
	Coalesce time.Duration  `mapstructure:"coalesce"`
}

// WatchHTTP is the http_handler_config of a watch.
type WatchHTTP struct {
	Path          string              `mapstructure:"path"`
	Method        string              `mapstructure:"method"`
	Timeout       time.Duration       `mapstructure:"timeout"`
	Header        map[string][]string `mapstructure:"header"`
	TLSSkipVerify bool                `mapstructure:"tls_skip_verify"`
}

// shell runs the line of a handler.
const shell = "/bin/sh"

func buildWatches(c *Config, f *File) error {
	for i := range f.Watches {
		w, err := f.Watches[i].watch()
		if err != nil {
			return fmt.Errorf("watches[%d]: %w", i, err)
		}
		c.Watches = append(c.Watches, w)
	}
	return nil
}

// watch is the watch as the agent runs it.
func (w *Watch) watch() (cluster.Watch, error) {
	out := cluster.Watch{
		Type: w.Type, Key: w.Key, Prefix: w.Prefix, Service: w.Service, Tags: w.Tag, PassingOnly: w.PassingOnly, State: w.State, Name: w.Name,
		Filter: w.Filter, Datacenter: w.Datacenter, Token: w.Token, Args: w.Args,
		Timeout: or(w.Timeout, cluster.DefaultWatchTimeout), Retry: w.Retry, SkipInitial: !or(w.Initial, true), Coalesce: w.Coalesce,
	}
	switch {
	case w.HandlerType != "" && w.HandlerType != "script" && w.HandlerType != "http":
		return out, fmt.Errorf("handler_type %q is not known: want script or http", w.HandlerType)
	case w.Handler != "" && len(w.Args) > 0:
		return out, errors.New("handler and args are both given: keep args, handler is its older form")
	case w.HandlerType == "http" && (w.Handler != "" || len(w.Args) > 0):
		return out, errors.New("handler_type is http and a program is given: remove it, or handler_type")
	case w.HandlerType == "http" && w.HTTP == nil:
		return out, errors.New("handler_type is http: say in http_handler_config where to send, as path = \"http://…\"")
	case w.HandlerType != "http" && w.HTTP != nil:
		return out, errors.New("http_handler_config is given: add handler_type = \"http\"")
	}
	if w.Handler != "" {
		out.Args = []string{shell, "-c", w.Handler}
	}
	if w.HTTP != nil {
		out.HTTP = &cluster.WatchHTTP{URL: w.HTTP.Path, Method: w.HTTP.Method, Timeout: w.HTTP.Timeout, Header: w.HTTP.Header, TLSSkipVerify: w.HTTP.TLSSkipVerify}
	}
	return out, out.Validate()
}

// olderForms warns of what has a newer form.
func olderForms(source string, f *File) (warnings []string) {
	for i, w := range f.Watches {
		if w.Handler != "" {
			warnings = append(warnings, fmt.Sprintf("%s: watches[%d]: handler is run by %s; args, a list, needs no shell", source, i, shell))
		}
	}
	return warnings
}
