package main

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
)

func kvVerb() verb {
	return verb{
		name: "kv", args: "get|put|delete", short: "read and write the key/value store",
		subs: []verb{
			{
				name: "kv get", args: "KEY", short: "print the value of a key", run: kvGet,
				long: "Where the key does not exist the exit code is 1.",
			},
			{
				name: "kv put", args: "KEY [VALUE]", short: "set the value of a key", run: kvPut,
				long: "VALUE may be @FILE for the content of a file, or - for standard input. Without one the value is empty.",
			},
			{name: "kv delete", args: "KEY", short: "delete a key, or all keys that begin with it", run: kvDelete},
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

func kvGet(ctx context.Context, c *console, args []string) error {
	cl, args, err := clientVerb(c, "kv get", args)
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return usageError{"want one key" + given(args)}
	}
	b, err := cl.raw(ctx, http.MethodGet, kvPath(args[0]), url.Values{"raw": {""}}, nil)
	var se statusError
	if errors.As(err, &se) && se.code == http.StatusNotFound {
		return fmt.Errorf("no key exists at: %s", args[0])
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.out, "%s\n", b)
	return err
}

func kvPut(ctx context.Context, c *console, args []string) error {
	fs := newFlags(c, "kv put")
	var f clientFlags
	f.register(c, fs)
	if err := cmp.Or(parseWithValues(fs, args), wantArgs(fs, 1, 2, "a key and a value (@FILE for the content of a file, - for standard input)")); err != nil {
		return err
	}
	cl, err := f.client(c)
	if err != nil {
		return err
	}
	args = fs.Args()
	value, err := kvValue(c, args[1:])
	if err != nil {
		return err
	}
	if _, err := cl.raw(ctx, http.MethodPut, kvPath(args[0]), nil, value); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "Success! Data written to: %s\n", args[0])
	return nil
}

func kvValue(c *console, args []string) (io.Reader, error) {
	if len(args) == 0 {
		return strings.NewReader(""), nil
	}
	if args[0] == "-" {
		return c.in, nil
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

func kvDelete(ctx context.Context, c *console, args []string) error {
	fs := newFlags(c, "kv delete")
	var f clientFlags
	f.register(c, fs)
	recurse := fs.Bool("recurse", false, "delete every key that begins with KEY")
	if err := cmp.Or(parseFlags(fs, args), wantArgs(fs, 1, 1, "one key")); err != nil {
		return err
	}
	cl, err := f.client(c)
	if err != nil {
		return err
	}
	q, what := url.Values{}, "key"
	if *recurse {
		q.Set("recurse", "")
		what = "keys with prefix"
	}
	if _, err := cl.raw(ctx, http.MethodDelete, kvPath(fs.Arg(0)), q, nil); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "Success! Deleted %s: %s\n", what, fs.Arg(0))
	return nil
}
