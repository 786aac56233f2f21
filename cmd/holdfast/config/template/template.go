// Package template is the configuration of templates, in consul-template's keys: the blocks that stand in the config of an agent or in a file of
// consul-template, and the rest of such a file. A [Block] becomes a render.Template, checked; what a [File] says beside its templates is for the verb `holdfast template`.
//
// Every key of consul-template's is known. Those that have no effect here are named in a warning, and one that nobody knows is a mistake.
package template

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"holdfast/cmd/holdfast/config/source"
	"holdfast/failover/program"
	"holdfast/failover/render"
	"holdfast/failover/render/language"
)

// Block is a template block, in consul-template's keys and with one of ours: validate.
type Block struct {
	Source      string `mapstructure:"source"`
	Contents    string `mapstructure:"contents"`
	Destination string `mapstructure:"destination"`
	CreateDirs  *bool  `mapstructure:"create_dest_dirs"`

	Command        []string       `mapstructure:"command"`
	CommandTimeout *time.Duration `mapstructure:"command_timeout"`
	Exec           *Exec          `mapstructure:"exec"`
	Validate       []string       `mapstructure:"validate"`

	Perms  *any   `mapstructure:"perms"` // 0644, or "0644" where there are no octal numbers
	User   string `mapstructure:"user"`
	Group  string `mapstructure:"group"`
	UID    *int   `mapstructure:"uid"`
	GID    *int   `mapstructure:"gid"`
	Backup bool   `mapstructure:"backup"`

	Left              string   `mapstructure:"left_delimiter"`
	Right             string   `mapstructure:"right_delimiter"`
	ErrorOnMissingKey bool     `mapstructure:"error_on_missing_key"`
	ErrorFatal        *bool    `mapstructure:"error_fatal"` // an agent does not end because of a template; its status says what is wrong
	Denylist          []string `mapstructure:"function_denylist"`
	Blacklist         []string `mapstructure:"function_blacklist"` // the older name
	Sandbox           string   `mapstructure:"sandbox_path"`

	Wait *any `mapstructure:"wait"` // "2s:10s", or a block of min and max
}

// Exec is a program that runs: in a template the newer form of command and command_timeout, in a file of `holdfast template` the one that runs
// beside the rendered files. A template's command is killed at its timeout, and gets no signals; those keys stand there without a meaning.
type Exec struct {
	Command []string       `mapstructure:"command"`
	Enabled *bool          `mapstructure:"enabled"`
	Env     Env            `mapstructure:"env"`
	Timeout *time.Duration `mapstructure:"timeout"`

	ReloadSignal *string        `mapstructure:"reload_signal"`
	KillSignal   *string        `mapstructure:"kill_signal"`
	KillTimeout  *time.Duration `mapstructure:"kill_timeout"`
	Splay        *time.Duration `mapstructure:"splay"`
}

// Env says which variables a program sees.
type Env struct {
	Pristine  bool     `mapstructure:"pristine"`
	Custom    []string `mapstructure:"custom"`
	Allow     []string `mapstructure:"allowlist"`
	Whitelist []string `mapstructure:"whitelist"` // the older name
	Deny      []string `mapstructure:"denylist"`
	Blacklist []string `mapstructure:"blacklist"` // the older name
}

// Environment is the same in the form of those who run programs.
func (e *Env) Environment() program.Environment {
	return program.Environment{Pristine: e.Pristine, Custom: e.Custom, Allow: slices.Concat(e.Allow, e.Whitelist), Deny: slices.Concat(e.Deny, e.Blacklist)}
}

// Words are the command, empty where there is none or it is switched off.
func (x *Exec) Words() []string {
	if !source.Or(x.Enabled, true) {
		return nil
	}
	return words(x.Command)
}

// Build makes the templates of blocks.
func Build(blocks []Block) ([]render.Template, error) {
	var out []render.Template
	for i := range blocks {
		t, err := blocks[i].template()
		if err != nil {
			return nil, fmt.Errorf("template[%d]: %w", i, err)
		}
		out = append(out, t)
	}
	return out, nil
}

// template is the template as the agent renders it.
func (b *Block) template() (render.Template, error) {
	t := render.Template{
		Source: b.Source, Contents: b.Contents, Destination: b.Destination, CreateDirs: source.Or(b.CreateDirs, true), User: b.User, Group: b.Group, Backup: b.Backup,
		Command: words(b.Command), Validate: words(b.Validate), CommandTimeout: source.Or(b.CommandTimeout, 0),
		Language: language.Options{Left: b.Left, Right: b.Right, ErrorOnMissingKey: b.ErrorOnMissingKey, Denied: append(b.Denylist, b.Blacklist...), Sandbox: b.Sandbox},
	}
	if b.Exec != nil {
		if len(t.Command) > 0 {
			return t, errors.New("command and exec are both given: keep one of them")
		}
		t.Command, t.CommandTimeout, t.Env = b.Exec.Words(), source.Or(b.Exec.Timeout, t.CommandTimeout), b.Exec.Env.Environment()
	}
	for id, to := range map[*int]*string{b.UID: &t.User, b.GID: &t.Group} {
		if id != nil && *id >= 0 && *to == "" {
			*to = strconv.Itoa(*id)
		}
	}
	var err error
	if t.Perms, err = filePerms(source.Or(b.Perms, nil)); err != nil {
		return t, err
	}
	if t.Wait, err = wait(source.Or(b.Wait, nil)); err != nil {
		return t, err
	}
	return t, t.Check()
}

// words is a command without the empty one that says that there is none.
func words(command []string) []string {
	if len(command) == 1 && command[0] == "" {
		return nil
	}
	return command
}

// filePerms reads a mode: HCL has octal numbers, JSON needs a string.
func filePerms(v any) (os.FileMode, error) {
	switch v := v.(type) {
	case nil:
		return 0, nil
	case int:
		if v >= 0 && v <= 0o7777 {
			return os.FileMode(v), nil
		}
	case string:
		if n, err := strconv.ParseUint(v, 8, 12); err == nil {
			return os.FileMode(n), nil
		}
	default:
	}
	return 0, fmt.Errorf("perms %v is not a file mode: write it as 0644, or \"0644\" in JSON", v)
}

// wait reads a wait in either form.
func wait(v any) (render.Wait, error) {
	if l, ok := v.([]map[string]any); ok && len(l) == 1 {
		v = l[0]
	}
	switch v := v.(type) {
	case nil:
		return render.Wait{}, nil
	case string:
		return render.ParseWait(v)
	case map[string]any:
		for k := range v {
			if k != "min" && k != "max" && k != "enabled" {
				return render.Wait{}, fmt.Errorf("wait has the key %q: want min and max", k)
			}
		}
		if v["min"] == nil || v["enabled"] == false {
			return render.Wait{}, nil // nothing to wait for
		}
		s := fmt.Sprint(v["min"])
		if v["max"] != nil {
			s += ":" + fmt.Sprint(v["max"])
		}
		return render.ParseWait(s)
	}
	return render.Wait{}, errors.New("wait is not usable: write it as \"2s:10s\", or as a block of min and max")
}
