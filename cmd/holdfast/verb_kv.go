package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
)

func runKV(ctx context.Context, c *console, args []string) error {
	verbs := map[string]func(context.Context, *console, []string) error{"get": kvGet, "put": kvPut, "delete": kvDelete}
	if len(args) == 0 || verbs[args[0]] == nil {
		return usageError{"want get KEY, put KEY [VALUE], or delete KEY"}
	}
	return verbs[args[0]](ctx, c, args[1:])
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
		return usageError{"want one key"}
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
	cl, args, err := clientVerb(c, "kv put", args)
	if err != nil {
		return err
	}
	if len(args) == 0 || len(args) > 2 {
		return usageError{"want a key and a value (@FILE for the content of a file, - for standard input)"}
	}
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
		return bytes.NewReader(b), err
	}
	return strings.NewReader(args[0]), nil
}

func kvDelete(ctx context.Context, c *console, args []string) error {
	fs := newFlags(c, "kv delete")
	var f clientFlags
	f.register(c, fs)
	recurse := fs.Bool("recurse", false, "delete every key that begins with KEY")
	if err := parseFlags(fs, args); err != nil {
		return err
	}
	if fs.NArg() != 1 {
		return usageError{"want one key"}
	}
	q := url.Values{}
	if *recurse {
		q.Set("recurse", "")
	}
	if _, err := f.client().raw(ctx, http.MethodDelete, kvPath(fs.Arg(0)), q, nil); err != nil {
		return err
	}
	fmt.Fprintf(c.out, "Success! Deleted key: %s\n", fs.Arg(0))
	return nil
}
