// Package template is the verb that renders templates: once, or for as long as it runs.
package template

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"os"

	"holdfast/cmd/holdfast/config"
	"holdfast/cmd/holdfast/verb"
	"holdfast/failover/render"
	"holdfast/failover/render/remote"
)

// Verb is `template`.
func Verb() verb.Verb {
	return verb.Verb{
		Name: "template", Args: "-template IN:OUT[:COMMAND]", Short: "render templates in consul-template's language", Run: run,
		Long: `It fills a template with keys, services and nodes, writes the result in one step where the file says something else, and runs the command then. With
-once it ends when everything is rendered; it waits for keys that are missing. Without, it follows what changes.

    holdfast template -template "haproxy.ctmpl:/etc/haproxy/haproxy.cfg:systemctl reload haproxy"
    holdfast template -template "in.ctmpl:out.txt" -once -dry

The flags are consul-template's; -config takes its config files, of which template, wait, once and consul's address and token count. An agent renders
templates by itself, faster and without a process more: template blocks in its config say which.`,
	}
}

// flags are the flags of `holdfast template`.
type flags struct {
	client            verb.ClientFlags
	templates         []render.Template
	configs           []string
	once, dry, diff   bool
	parseOnly         bool
	left, right, wait string
	level             string
}

func (f *flags) register(c *verb.Console, fs *flag.FlagSet) {
	f.client.Register(c, fs)
	fs.Func("template", "`in:out[:command]` to render (repeatable)", func(s string) error {
		t, err := render.ParseFlag(s)
		f.templates = append(f.templates, t)
		return err
	})
	fs.Func("config", "config `file` or directory in consul-template's form (repeatable)", func(s string) error { f.configs = append(f.configs, s); return nil })
	fs.BoolVar(&f.once, "once", false, "end when everything is rendered")
	fs.BoolVar(&f.dry, "dry", false, "print what would be rendered; no file is written and no command runs")
	fs.BoolVar(&f.diff, "diff", false, "with -dry: print how the file would change, not the whole text")
	fs.BoolVar(&f.parseOnly, "parse-only", false, "say whether the templates can be parsed, and end")
	fs.StringVar(&f.left, "default-left-delimiter", "", "`text` that begins an action, in place of {{")
	fs.StringVar(&f.right, "default-right-delimiter", "", "`text` that ends an action, in place of }}")
	fs.StringVar(&f.wait, "wait", "", "`min[:max]` to wait for more changes after one, as 2s:10s")
	fs.StringVar(&f.level, "log-level", "warn", "`level` of what is logged: debug, info, warn or error")
	fs.Func("consul-addr", "`address` of the agent's HTTP API, as consul-template calls it", func(s string) error { return fs.Set("http-addr", s) })
	fs.Func("consul-token", "ACL `token`, as consul-template calls it", func(s string) error { return fs.Set("token", s) })
}

func run(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f flags
	f.register(c, fs)
	if err := cmp.Or(verb.ParseFlags(fs, args), verb.WantArgs(fs, 0, 0, "flags alone: -template IN:OUT")); err != nil {
		return err
	}
	log, err := f.logger(c)
	if err != nil {
		return err
	}
	if err := f.load(fs, log); err != nil {
		return err
	}
	if len(f.templates) == 0 {
		return verb.UsageError("want a template: -template IN:OUT, or -config with a template block")
	}
	cl, err := f.client.Client(c)
	if err != nil {
		return err
	}
	cl.Patient() // it waits for as long as nothing changes
	var opened []*remote.Data
	defer func() {
		for _, d := range opened {
			d.Close()
		}
	}()
	runner := render.NewRunner(func() render.Data {
		d := remote.New(asker{cl})
		opened = append(opened, d)
		return d
	}, log)
	if f.dry {
		runner.Preview(func(p render.Preview) { f.show(c, p) })
	}
	if err := runner.Set(f.templates); err != nil || f.parseOnly {
		return err
	}
	if f.once {
		return runner.Once(ctx)
	}
	runner.Run(ctx)
	return nil
}

// load adds what the config files say, and gives every template the defaults.
func (f *flags) load(fs *flag.FlagSet, log *slog.Logger) error {
	file, warnings, err := config.LoadTemplateFiles(f.configs)
	if err != nil {
		return err
	}
	for _, w := range warnings {
		log.Warn("a config file asks for what does not happen", "warning", w)
	}
	more, err := config.Templates(file.Template)
	if err != nil {
		return err
	}
	wait, err := file.DefaultWait()
	if err == nil && f.wait != "" {
		wait, err = render.ParseWait(f.wait)
	}
	if err != nil {
		return err
	}
	f.once = f.once || file.Once
	f.left, f.right = cmp.Or(f.left, file.Left), cmp.Or(f.right, file.Right)
	f.templates = append(f.templates, more...)
	for i := range f.templates {
		t := &f.templates[i]
		t.Language.Left, t.Language.Right = cmp.Or(t.Language.Left, f.left), cmp.Or(t.Language.Right, f.right)
		t.Wait = cmp.Or(t.Wait, wait)
		t.Language.Debug = os.Stderr
	}
	given := map[string]bool{}
	fs.Visit(func(fl *flag.Flag) { given[fl.Name] = true })
	for name, value := range map[string]string{"http-addr": file.Consul.Address, "token": file.Consul.Token} {
		if value != "" && !given[name] {
			if err := fs.Set(name, value); err != nil {
				return err
			}
		}
	}
	return nil
}

func (f *flags) logger(c *verb.Console) (*slog.Logger, error) {
	var level slog.Level
	name := f.level
	if name == "err" {
		name = "error"
	}
	if err := level.UnmarshalText([]byte(name)); err != nil {
		return nil, verb.UsageError(fmt.Sprintf("-log-level %q is not known: want debug, info, warn or error", f.level))
	}
	return slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{Level: level})), nil
}

// show prints what would be rendered.
func (f *flags) show(c *verb.Console, p render.Preview) {
	if f.diff {
		fmt.Fprint(c.Out, p.Diff())
		return
	}
	fmt.Fprintf(c.Out, "> %s\n%s", p.Destination, p.Text)
}

// asker is an agent that is asked over HTTP.
type asker struct{ *verb.Client }

// Ask implements remote.Asker.
func (a asker) Ask(ctx context.Context, path string, query url.Values) (body []byte, index uint64, found bool, err error) {
	if path == "/v1/agent/self" { // it does not change, and has no index
		body, err = a.Raw(ctx, http.MethodGet, path, query, nil)
		return body, 0, true, err
	}
	body, index, found, err = a.Wait(ctx, path, query)
	if errors.Is(err, context.Canceled) && ctx.Err() != nil {
		err = ctx.Err()
	}
	return body, index, found, err
}
