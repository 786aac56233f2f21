package template

import (
	"errors"
	"flag"
	"strconv"
	"time"

	"holdfast/cmd/holdfast/config/template"
	"holdfast/cmd/holdfast/verb"
	"holdfast/failover/render"
)

// flags are the flags of `holdfast template`. What also stands in config files is kept in the same form, and wins.
type flags struct {
	client    verb.ClientFlags
	templates []render.Template
	configs   []string
	dry, diff bool
	file      template.File
}

func (f *flags) register(c *verb.Console, fs *flag.FlagSet) {
	f.client.Register(c, fs)
	fs.Func("template", "`in:out[:command]` to render (repeatable)", func(s string) error {
		t, err := render.ParseFlag(s)
		f.templates = append(f.templates, t)
		return err
	})
	fs.Func("config", "config `file` or directory in consul-template's form (repeatable); flags win", func(s string) error { f.configs = append(f.configs, s); return nil })
	fs.BoolVar(&f.file.Once, "once", false, "end when everything is rendered")
	fs.BoolVar(&f.dry, "dry", false, "print what would be rendered; no file is written and no command runs")
	fs.BoolVar(&f.diff, "diff", false, "with -dry: print how the file would change, not the whole text")
	fs.BoolVar(&f.file.ParseOnly, "parse-only", false, "say whether the templates can be parsed, and end")
	fs.StringVar(&f.file.Delimiters.Left, "default-left-delimiter", "", "`text` that begins an action, in place of {{")
	fs.StringVar(&f.file.Delimiters.Right, "default-right-delimiter", "", "`text` that ends an action, in place of }}")
	fs.Func("wait", "`min[:max]` to wait for more changes after one, as 2s:10s; not with -once", func(s string) error {
		_, err := render.ParseWait(s)
		var v any = s
		f.file.Wait = &v
		return err
	})
	fs.Var(optional{&f.file.ErrorFatal}, "template-error-fatal", "`true or false`: end where a template cannot be rendered (default true)")
	fs.BoolVar(&f.file.MissingFail, "err-on-failed-lookup", false, "end where a key that a template needs is not there")
	fs.StringVar(&f.file.LogLevel, "log-level", "", "`level` of what is logged: debug, info, warn (the default) or err")
	fs.StringVar(&f.file.PidFile, "pid-file", "", "`file` that says the process's number while it runs")
	fs.Func("reload-signal", "`signal` that reads config and templates again (default SIGHUP)", text(&f.file.ReloadSignal))
	fs.Func("kill-signal", "`signal` that ends it (default SIGINT)", text(&f.file.KillSignal))
	fs.Var(optional{&f.file.Deduplicate.Enabled}, "dedup", "`true or false`: of all that render the same templates with it, let one ask for the others")
	f.registerExec(fs)
	f.registerConsul(fs)
}

func (f *flags) registerExec(fs *flag.FlagSet) {
	x := &f.file.Exec
	list := func(to *[]string) func(string) error {
		return func(s string) error { *to = append(*to, s); return nil }
	}
	fs.Func("exec", "`program` to run once everything is rendered; it ends with the program's exit code", func(s string) error { x.Command = []string{s}; return nil })
	fs.Func("exec-reload-signal", "`signal` that tells the program of a change; without one it is started anew", text(&x.ReloadSignal))
	fs.Func("exec-kill-signal", "`signal` that asks the program to end (default SIGINT)", text(&x.KillSignal))
	fs.Func("exec-kill-timeout", "`time` that it has then before it is killed (default 30s)", duration(&x.KillTimeout))
	fs.Func("exec-splay", "the longest `time` to wait, at random, before it is told of a change", duration(&x.Splay))
	fs.BoolVar(&x.Env.Pristine, "exec-env-pristine", false, "let the program see none of the variables of this process")
	fs.Func("exec-env-custom", "`NAME=value` that the program sees (repeatable)", list(&x.Env.Custom))
	fs.Func("exec-env-allowlist", "`pattern` of the variables that the program sees (repeatable)", list(&x.Env.Allow))
	fs.Func("exec-env-denylist", "`pattern` of variables that it does not see (repeatable)", list(&x.Env.Deny))
}

// registerConsul declares how the agent is reached, in consul-template's names. Those of all client verbs are there, too.
func (f *flags) registerConsul(fs *flag.FlagSet) {
	k := &f.file.Consul
	fs.StringVar(&k.Address, "consul-addr", "", "`address` of the agent's HTTP API: -http-addr, as consul-template calls it")
	fs.StringVar(&k.Token, "consul-token", "", "ACL `token`")
	fs.StringVar(&k.TokenFile, "consul-token-file", "", "`file` with the ACL token")
	fs.Func("consul-auth", "`user:password` for the agent", k.SetAuth)
	fs.Var(optional{&k.SSL.Enabled}, "consul-ssl", "`true or false`: use TLS")
	fs.Var(optional{&k.SSL.Verify}, "consul-ssl-verify", "`true or false`: look at the agent's certificate (default true)")
	fs.StringVar(&k.SSL.CACert, "consul-ssl-ca-cert", "", "`file` with the certificates that the agent's is signed by")
	fs.StringVar(&k.SSL.CAPath, "consul-ssl-ca-path", "", "`directory` of such files")
	fs.StringVar(&k.SSL.Cert, "consul-ssl-cert", "", "`file` with the certificate to show the agent")
	fs.StringVar(&k.SSL.Key, "consul-ssl-key", "", "`file` with its key")
	fs.StringVar(&k.SSL.ServerName, "consul-ssl-server-name", "", "`name` that the agent's certificate must have")
	fs.Var(optional{&k.Retry.Enabled}, "consul-retry", "`true or false`: ask again where the agent does not answer (default true)")
	fs.Func("consul-retry-attempts", "how `often`, before everything has been rendered; 0 for ever (default 12)", func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return errors.New("want a whole number of at least 0")
		}
		k.Retry.Attempts = &n
		return nil
	})
	fs.Func("consul-retry-backoff", "`time` before the first of them; it doubles (default 250ms)", duration(&k.Retry.Backoff))
	fs.Func("consul-retry-max-backoff", "the longest `time` between them; 0 for no limit (default 1m)", duration(&k.Retry.MaxBackoff))
	fs.Func("retry", "the same as -consul-retry-backoff", duration(&k.Retry.Backoff))
	fs.Func("max-stale", "has no effect: an agent answers from its own state", func(string) error { return nil })
}

// optional is a flag of true or false that knows whether it was given.
type optional struct{ to **bool }

func (o optional) String() string   { return "" }
func (o optional) IsBoolFlag() bool { return true }

// Set takes a value.
func (o optional) Set(s string) error {
	v, err := strconv.ParseBool(s)
	if err != nil {
		return errors.New("want true or false")
	}
	*o.to = &v
	return nil
}

func text(to **string) func(string) error {
	return func(s string) error { *to = &s; return nil }
}

func duration(to **time.Duration) func(string) error {
	return func(s string) error {
		d, err := time.ParseDuration(s)
		if err != nil || d < 0 {
			return errors.New("want a time, as 10s or 250ms")
		}
		*to = &d
		return nil
	}
}
