package language

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/template"
	"time"
)

// Options say how a template is read and executed. The zero value is consul-template's default.
type Options struct {
	Left, Right       string    // the delimiters, "" for {{ and }}
	ErrorOnMissingKey bool      // a field or key that is not there is an error, and not "<no value>"
	Denied            []string  // functions that may not be used
	Sandbox           string    // the directory that file reads in, "" for any
	Env               []string  // "NAME=value", what env sees; nil for the environment of the process
	Debug             io.Writer // where spew_dump and spew_printf write; nil for nowhere
}

// Template is a parsed template. It may be executed by several goroutines.
type Template struct {
	parsed *template.Template
	opts   Options
	turns  int // in place of maxTurns: for tests
}

// Result is what an execution gave.
type Result struct {
	Text    string
	Missing []string  // what the template needs and is not there, as `key "a/b"`; where there is any, Text says nothing
	Gone    []string  // keys that are not there any more: their last values stand in Text
	Read    []Version // the files that it has read, or wanted to
	Files   []File    // that it writes beside its text
}

// Version tells what a file was when it was read. Of one that could not be read only the path is known.
type Version struct {
	Path     string
	Modified time.Time
	Size     int64
}

// VersionOf is what a file is now.
func VersionOf(path string) Version {
	if st, err := os.Stat(path); err == nil {
		return Version{path, st.ModTime(), st.Size()}
	}
	return Version{Path: path}
}

// File is a file that a template writes with writeToFile.
type File struct {
	Path, Owner, Group, Perms string
	Content                   string
	Append                    bool
}

// Memory keeps the last values of the keys that a template needs, from one execution to the next: a key that is deleted does not
// stop a template that has been rendered. The zero value remembers nothing yet. It belongs to one template.
type Memory struct{ keys map[string]string }

// Parse reads a template. name stands in its errors.
func Parse(name, source string, opts Options) (t *Template, err error) {
	defer caught(&err)
	if len(source) > maxSource {
		return nil, fmt.Errorf("template %s has %d bytes: at most %d are allowed", name, len(source), maxSource)
	}
	for _, f := range opts.Denied {
		if _, known := emptyFuncs[f]; !known {
			return nil, fmt.Errorf("template %s: function_denylist names %q, which is no function", name, f)
		}
	}
	parsed := template.New(name).Delims(opts.Left, opts.Right).Funcs(emptyFuncs)
	missing := "missingkey=zero"
	if opts.ErrorOnMissingKey {
		missing = "missingkey=error"
	}
	parsed.Option(missing)
	if parsed, err = parsed.Parse(source); err != nil {
		return nil, fmt.Errorf("cannot parse the template: %w", cleaned(err))
	}
	for _, each := range parsed.Templates() {
		if each.Tree != nil {
			guard(each.Tree)
		}
	}
	return &Template{parsed: parsed, opts: opts}, nil
}

// Execute gives the text of the template for what the source says. memory may be nil. With an error the result, if there is one, says which files were
// read.
func (t *Template) Execute(ctx context.Context, source Source, memory *Memory) (result *Result, err error) {
	defer caught(&err)
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	if memory == nil {
		memory = &Memory{}
	}
	parsed, err := t.parsed.Clone()
	if err != nil {
		return nil, fmt.Errorf("cannot prepare the template: %w", err)
	}
	x := &execution{source: source, opts: &t.opts, memory: memory, template: parsed, limits: &limits{ctx: ctx, most: cmp.Or(t.turns, maxTurns)}, result: &Result{}, scratch: &Scratch{}}
	x.scratch.limits = x.limits
	parsed.Funcs(x.funcs())
	text := &boundedText{limits: x.limits}
	if err := parsed.Execute(text, nil); err != nil {
		if len(x.result.Missing) > 0 {
			return x.result, nil // it has stumbled over what is missing
		}
		return x.result, fmt.Errorf("cannot execute the template: %w", cleaned(err))
	}
	x.result.Text = text.String()
	return x.result, nil
}

// execution is one run of a template.
type execution struct {
	source   Source
	opts     *Options
	memory   *Memory
	template *template.Template
	limits   *limits
	result   *Result
	scratch  *Scratch
}

// missing notes something that the template cannot do without.
func (x *execution) missing(what string) { note(&x.result.Missing, what) }

// executeTemplate is the text of a defined template.
func (x *execution) executeTemplate(name string, data ...any) (string, error) {
	if len(data) > 1 {
		return "", fmt.Errorf("executeTemplate: want a name and at most one value, not %d values", len(data))
	}
	var dot any
	if len(data) == 1 {
		dot = data[0]
	}
	if err := x.limits.enter(); err != nil {
		return "", err
	}
	text := &boundedText{limits: x.limits}
	if err := x.template.ExecuteTemplate(text, name, dot); err != nil {
		return "", err
	}
	x.limits.leave()
	return text.String(), nil
}

// caught makes an error of a panic: what the libraries did not foresee in a template does not end the program.
func caught(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("the template cannot be executed: %v", p)
	}
}

func (x *execution) now() time.Time { return time.Now() }

// cleaned is an error without what the machinery has put around it: a limit says all in its own sentence.
func cleaned(err error) error {
	if l, ok := errors.AsType[limitError](err); ok {
		return l
	}
	return errors.New(strings.TrimPrefix(err.Error(), "template: "))
}

func note(list *[]string, what string) {
	if !slices.Contains(*list, what) {
		*list = append(*list, what)
	}
}
