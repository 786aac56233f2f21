package template

import (
	"cmp"
	"flag"
	"fmt"
	"log/slog"
	"os"
	"reflect"
	"slices"
	"strconv"
	"syscall"
	"time"

	"holdfast/cmd/holdfast/config/template"
	"holdfast/cmd/holdfast/verb"
	"holdfast/failover/render"
	"holdfast/failover/render/child"
	"holdfast/failover/render/dedup"
)

// The defaults are consul-template's.
const (
	defaultKillTimeout = 30 * time.Second
	defaultAttempts    = 12
	defaultBackoff     = 250 * time.Millisecond
	defaultMaxBackoff  = time.Minute
	defaultDedupPrefix = "consul-template/dedup/"
	defaultDedupTTL    = 15 * time.Second
)

// settings are what flags and config files say together.
type settings struct {
	templates []render.Template
	fatal     []bool // for each template: the process ends where it fails
	once      bool
	parseOnly bool
	missing   bool // a key that is not there is an error
	level     string
	pidFile   string
	reload    syscall.Signal // 0 for none
	kill      syscall.Signal
	child     *child.Options // nil for none
	dedup     *dedup.Options // nil for: asks for itself
	agent     agent
	warnings  []string
}

// agent is how the agent is reached, and how patiently.
type agent struct {
	variables map[string]string // those that all client verbs read, as HTTP_ADDR
	attempts  int               // how often it is asked again: 0 for ever, -1 for never
	backoff   time.Duration
	longest   time.Duration // 0 for no limit
}

// settings reads the config files, and puts the flags over them.
func (f *flags) settings(fs *flag.FlagSet) (*settings, error) {
	file, warnings, err := template.Load(f.configs)
	if err != nil {
		return nil, err
	}
	file.Override(&f.file)
	s := &settings{
		once: file.Once, parseOnly: file.ParseOnly, missing: file.MissingFail, level: cmp.Or(file.LogLevel, "warn"), pidFile: file.PidFile, warnings: warnings,
		agent: agentOf(&file.Consul, fs),
	}
	if s.reload, err = child.ParseSignal(or(file.ReloadSignal, "SIGHUP")); err != nil {
		return nil, fmt.Errorf("reload_signal: %w", err)
	}
	if s.kill, err = child.ParseSignal(or(file.KillSignal, "SIGINT")); err != nil {
		return nil, fmt.Errorf("kill_signal: %w", err)
	}
	if d := &file.Deduplicate; or(d.Enabled, d.Prefix != "" || d.TTL != nil) {
		s.dedup = &dedup.Options{Prefix: cmp.Or(d.Prefix, defaultDedupPrefix), TTL: or(d.TTL, defaultDedupTTL)}
	}
	if err := s.setExec(&file.Exec); err != nil {
		return nil, err
	}
	return s, s.setTemplates(f.templates, file)
}

// setTemplates takes the templates, and gives each the defaults.
func (s *settings) setTemplates(given []render.Template, file *template.File) error {
	wait, err := file.DefaultWait()
	if err != nil {
		return err
	}
	more, err := template.Build(file.Template)
	if err != nil {
		return err
	}
	s.templates = append(append(s.templates, given...), more...)
	for i := range s.templates {
		t := &s.templates[i]
		t.Language.Left, t.Language.Right = cmp.Or(t.Language.Left, file.Delimiters.Left), cmp.Or(t.Language.Right, file.Delimiters.Right)
		t.Wait = cmp.Or(t.Wait, wait)
		t.Language.Debug = os.Stderr
		t.Language.Env = append(os.Environ(), s.agent.environ()...)
		t.Env.Custom = append(s.agent.environ(), t.Env.Custom...)
		fatal := or(file.ErrorFatal, true)
		if n := i - len(given); n >= 0 {
			fatal = or(file.Template[n].ErrorFatal, fatal)
		}
		s.fatal = append(s.fatal, fatal)
	}
	return nil
}

// setExec takes the program that runs beside the files.
func (s *settings) setExec(x *template.Exec) (err error) {
	command := x.Words()
	if len(command) == 0 {
		return nil
	}
	env := x.Env.Environment()
	if why := env.Check(); why != "" {
		return fmt.Errorf("exec.env: %s", why)
	}
	env.Custom = append(s.agent.environ(), env.Custom...)
	o := &child.Options{Command: command, Environ: env.Of(os.Environ()), KillTimeout: or(x.KillTimeout, defaultKillTimeout), Splay: or(x.Splay, 0)}
	if o.Reload, err = child.ParseSignal(or(x.ReloadSignal, "")); err != nil {
		return fmt.Errorf("exec.reload_signal: %w", err)
	}
	if o.Kill, err = child.ParseSignal(or(x.KillSignal, "SIGINT")); err != nil {
		return fmt.Errorf("exec.kill_signal: %w", err)
	}
	s.child = o
	return nil
}

func (s *settings) warn(log *slog.Logger) {
	for _, w := range s.warnings {
		log.Warn("a config file asks for what does not happen", "warning", w)
	}
}

// sameChild reports whether the program that runs is also the one that is wanted now.
func (s *settings) sameChild(o *settings) bool { return reflect.DeepEqual(s.child, o.child) }

// agentOf is how the agent is reached. The flags that all client verbs have win.
func agentOf(k *template.Consul, fs *flag.FlagSet) agent {
	a := agent{variables: map[string]string{}, attempts: or(k.Retry.Attempts, defaultAttempts), backoff: or(k.Retry.Backoff, defaultBackoff), longest: or(k.Retry.MaxBackoff, defaultMaxBackoff)}
	if !or(k.Retry.Enabled, true) {
		a.attempts = -1
	}
	set := func(name, value string) {
		if value != "" {
			a.variables[name] = value
		}
	}
	set("HTTP_ADDR", k.Address)
	set("HTTP_TOKEN", k.Token)
	set("HTTP_TOKEN_FILE", k.TokenFile)
	if k.Auth.Username != "" && or(k.Auth.Enabled, true) {
		set("HTTP_AUTH", k.Auth.Username+":"+k.Auth.Password)
	}
	some := k.SSL.Cert != "" || k.SSL.Key != "" || k.SSL.CACert != "" || k.SSL.CAPath != "" || k.SSL.ServerName != ""
	if k.SSL.Enabled != nil || some {
		set("HTTP_SSL", strconv.FormatBool(or(k.SSL.Enabled, some)))
	}
	if k.SSL.Verify != nil {
		set("HTTP_SSL_VERIFY", strconv.FormatBool(*k.SSL.Verify))
	}
	set("CACERT", k.SSL.CACert)
	set("CAPATH", k.SSL.CAPath)
	set("CLIENT_CERT", cmp.Or(k.SSL.Cert, k.SSL.Key)) // one file may hold both
	set("CLIENT_KEY", cmp.Or(k.SSL.Key, k.SSL.Cert))
	set("TLS_SERVER_NAME", k.SSL.ServerName)
	fs.Visit(func(given *flag.Flag) {
		switch given.Name {
		case "http-addr":
			set("HTTP_ADDR", given.Value.String())
		case "token":
			set("HTTP_TOKEN", given.Value.String())
		}
	})
	return a
}

// environ is the same for programs that read Consul's variables. Whether there is TLS is always said.
func (a agent) environ() []string {
	var out []string
	for name, value := range map[string]string{"HTTP_SSL": "false", "HTTP_SSL_VERIFY": "true"} {
		if _, ok := a.variables[name]; !ok && os.Getenv("CONSUL_"+name) == "" {
			out = append(out, "CONSUL_"+name+"="+value)
		}
	}
	slices.Sort(out) // two readings of the same files are the same
	for _, name := range []string{"HTTP_ADDR", "HTTP_AUTH", "HTTP_TOKEN", "HTTP_TOKEN_FILE", "HTTP_SSL", "HTTP_SSL_VERIFY"} {
		if v, ok := a.variables[name]; ok {
			out = append(out, "CONSUL_"+name+"="+v)
		}
	}
	return out
}

// console is the console as a client verb sees it whose settings are these.
func (a agent) console(c *verb.Console) *verb.Console {
	with := *c
	with.Env = func(name string) string {
		if len(name) > len("HOLDFAST_") {
			if v, ok := a.variables[name[len("HOLDFAST_"):]]; ok && name[:len("HOLDFAST_")] == "HOLDFAST_" {
				return v
			}
		}
		return c.Env(name)
	}
	return &with
}

func or[T any](p *T, def T) T {
	if p == nil {
		return def
	}
	return *p
}
