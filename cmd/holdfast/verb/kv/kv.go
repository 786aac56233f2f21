// Package kv is the verbs of the key/value store.
package kv

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"

	"holdfast/cmd/holdfast/verb"
)

// Verb is the kv family.
func Verb() verb.Verb {
	return verb.Verb{
		Name: "kv", Args: "get|put|delete", Short: "read and write the key/value store",
		Subs: []verb.Verb{
			{
				Name: "kv get", Args: "KEY", Short: "print the value of a key", Run: kvGet,
				Long: "Where the key does not exist the exit code is 1.",
			},
			{
				Name: "kv put", Args: "KEY [VALUE]", Short: "set the value of a key", Run: kvPut,
				Long: "VALUE may be @FILE for the content of a file, or - for standard input. Without one the value is empty.",
			},
			{Name: "kv delete", Args: "KEY", Short: "delete a key, or all keys that begin with it", Run: kvDelete},
		},
	}
}

// kvPath is the path of a key; its slashes stay.
func kvPath(key string) string {
	parts := strings.Split(key, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return "/v1/kv/" + strings.Join(parts, "/")
}

func kvGet(ctx context.Context, c *verb.Console, args []string) error {
	cl, args, err := verb.ConnectArgs(c, args)
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return verb.UsageError("want one key" + verb.Given(args))
	}
	b, err := cl.Raw(ctx, http.MethodGet, kvPath(args[0]), url.Values{"raw": {""}}, nil)
	var se verb.StatusError
	if errors.As(err, &se) && se.Code == http.StatusNotFound {
		return fmt.Errorf("no key exists at: %s", args[0])
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "%s\n", b)
	return err
}

func kvPut(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f verb.ClientFlags
	f.Register(c, fs)
	if err := cmp.Or(verb.ParseWithValues(fs, args), verb.WantArgs(fs, 1, 2, "a key and a value (@FILE for the content of a file, - for standard input)")); err != nil {
		return err
	}
	cl, err := f.Client(c)
	if err != nil {
		return err
	}
	args = fs.Args()
	value, err := kvValue(c, args[1:])
	if err != nil {
		return err
	}
	if _, err := cl.Raw(ctx, http.MethodPut, kvPath(args[0]), nil, value); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Success! Data written to: %s\n", args[0])
	return nil
}

func kvValue(c *verb.Console, args []string) (io.Reader, error) {
	if len(args) == 0 {
		return strings.NewReader(""), nil
	}
	if args[0] == "-" {
		return c.In, nil
	}
	if file, ok := strings.CutPrefix(args[0], "@"); ok {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("cannot read the value: %w", err)
		}
		return bytes.NewReader(b), nil
	}
	return strings.NewReader(args[0]), nil
}

func kvDelete(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f verb.ClientFlags
	f.Register(c, fs)
	recurse := fs.Bool("recurse", false, "delete every key that begins with KEY")
	if err := cmp.Or(verb.ParseFlags(fs, args), verb.WantArgs(fs, 1, 1, "one key")); err != nil {
		return err
	}
	cl, err := f.Client(c)
	if err != nil {
		return err
	}
	q, what := url.Values{}, "key"
	if *recurse {
		q.Set("recurse", "")
		what = "keys with prefix"
	}
	if _, err := cl.Raw(ctx, http.MethodDelete, kvPath(fs.Arg(0)), q, nil); err != nil {
		return err
	}
	fmt.Fprintf(c.Out, "Success! Deleted %s: %s\n", what, fs.Arg(0))
	return nil
}
