package render

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"holdfast/failover/program"
	"holdfast/failover/render/language"
)

// Template says what to render, where to, and what then.
type Template struct {
	Source   string // the file that holds the template
	Contents string // or the template itself

	Destination string
	CreateDirs  bool        // make the directories above it
	Perms       os.FileMode // 0 for those of the file that is there, else 0644
	User, Group string      // a name or a number each; "" for the owner of the file that is there
	Backup      bool        // keep what the file said before, with ".bak" behind its name

	Validate       []string // looks at the text before it takes the file's place; {{.}} stands for the path of it
	Command        []string // runs after each change; a single word is a line for the shell
	CommandTimeout time.Duration
	Env            program.Environment // what Command sees
	Wait           Wait
	Language       language.Options
}

// Wait says how long to wait for more changes after one. The zero value waits for none.
type Wait struct {
	Min time.Duration // how long it must be quiet
	Max time.Duration // how long to wait at most
}

// The defaults are consul-template's.
const (
	DefaultCommandTimeout = 30 * time.Second
	defaultPerms          = 0o644
	waitFactor            = 4 // of Max over Min, where only Min is given
)

// pathMark is where Validate wants the path.
const pathMark = "{{.}}"

// ParseWait reads "2s:10s", or "2s" for a Max of four times that.
func ParseWait(s string) (Wait, error) {
	low, high, both := strings.Cut(s, ":")
	least, err := time.ParseDuration(strings.TrimSpace(low))
	w := Wait{Min: least, Max: waitFactor * least}
	if err == nil && both {
		w.Max, err = time.ParseDuration(strings.TrimSpace(high))
	}
	if err != nil {
		return Wait{}, fmt.Errorf("wait %q is not usable: write it as \"2s:10s\" or \"2s\"", s)
	}
	return w, w.check()
}

func (w Wait) check() error {
	if w.Min < 0 || w.Max < w.Min {
		return fmt.Errorf("wait is %s to %s: the longest cannot be below the shortest, nor this one below 0", w.Min, w.Max)
	}
	return nil
}

// ParseFlag reads consul-template's "in:out" or "in:out:command".
func ParseFlag(s string) (Template, error) {
	parts := strings.SplitN(s, ":", 3)
	if len(parts) < 2 || parts[0] == "" || parts[1] == "" {
		return Template{}, fmt.Errorf("the template %q is not usable: write it as \"in:out\" or \"in:out:command\"", s)
	}
	t := Template{Source: parts[0], Destination: parts[1], CreateDirs: true}
	if len(parts) == 3 && parts[2] != "" {
		t.Command = []string{parts[2]}
	}
	return t, nil
}

// Check says in one sentence what is wrong with the template, its text aside, or returns nil.
func (t *Template) Check() error {
	switch {
	case t.Destination == "":
		return fmt.Errorf("the template %s has no destination", t.Name())
	case (t.Source == "") == (t.Contents == ""):
		return fmt.Errorf("the template for %s needs a source or contents, and not both", t.Destination)
	case t.Perms&^0o7777 != 0:
		return fmt.Errorf("the template for %s has perms %o: want 0000 to 7777, in octal", t.Destination, t.Perms)
	case t.CommandTimeout < 0:
		return fmt.Errorf("the template for %s has a negative command_timeout", t.Destination)
	case len(t.Validate) > 0 && !strings.Contains(strings.Join(t.Validate, " "), pathMark):
		return fmt.Errorf("the template for %s has a validate that does not name the file: write %s where its path goes", t.Destination, pathMark)
	}
	if why := t.Env.Check(); why != "" {
		return fmt.Errorf("the template for %s has an exec.env that cannot be used: %s", t.Destination, why)
	}
	if err := t.Wait.check(); err != nil {
		return fmt.Errorf("the template for %s: %w", t.Destination, err)
	}
	if _, _, err := t.owner(); err != nil {
		return fmt.Errorf("the template for %s: %w", t.Destination, err)
	}
	return nil
}

// Name is what messages call the template.
func (t *Template) Name() string {
	if t.Source != "" {
		return t.Source
	}
	return "contents"
}

// Parsed is a template that has been read.
type Parsed struct {
	text     string
	template *language.Template
}

// parse reads the template's text.
func (t *Template) parse() (Parsed, error) {
	text := t.Contents
	if t.Source != "" {
		b, err := os.ReadFile(t.Source)
		if err != nil {
			return Parsed{}, fmt.Errorf("cannot read the template: %w", err)
		}
		text = string(b)
	}
	parsed, err := language.Parse(t.Name(), text, t.Language)
	return Parsed{text, parsed}, err
}

// commandLine is a command as messages show it.
func commandLine(args []string) string { return strings.Join(args, " ") }

var errNoCommand = errors.New("the command is empty")

// argv is what is executed: a single word goes to the shell.
func argv(command []string) ([]string, error) {
	switch len(command) {
	case 0:
		return nil, errNoCommand
	case 1:
		return []string{"/bin/sh", "-c", command[0]}, nil
	}
	return command, nil
}
