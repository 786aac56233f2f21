package kv

import (
	"cmp"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"text/tabwriter"

	"holdfast/cmd/holdfast/verb"
)

// reading is what the flags of kv get say.
type reading struct {
	detailed, keys, recurse, base64 bool
	separator                       string
}

func get(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var r reading
	fs.BoolVar(&r.detailed, "detailed", false, "print the indexes, flags and session of each key too")
	fs.BoolVar(&r.keys, "keys", false, "list the keys that begin with KEY, without their values")
	fs.BoolVar(&r.recurse, "recurse", false, "print all keys that begin with KEY")
	fs.BoolVar(&r.base64, "base64", false, "print values in base64")
	fs.StringVar(&r.separator, "separator", "/", "with -keys: `text` that ends a folder, which is listed once")
	cl, err := verb.Connect(c, fs, args, 0, 1, "one key")
	if err != nil {
		return err
	}
	key := fs.Arg(0)
	if key == "" && !r.keys && !r.recurse {
		return verb.UsageError("want one key")
	}
	if r.keys {
		return list(ctx, c, cl, key, r.separator)
	}
	q := url.Values{}
	if r.recurse {
		q.Set("recurse", "")
	}
	var found []entry
	err = cl.Do(ctx, http.MethodGet, path(key), q, nil, &found)
	switch {
	case isMissing(err) && r.recurse:
		return nil
	case isMissing(err):
		return fmt.Errorf("no key exists at: %s", key)
	case err != nil:
		return err
	}
	for i, e := range found {
		if i > 0 && r.detailed {
			fmt.Fprintln(c.Out)
		}
		if err := r.print(c.Out, &e); err != nil {
			return err
		}
	}
	return nil
}

func isMissing(err error) bool {
	var se verb.StatusError
	return errors.As(err, &se) && se.Code == http.StatusNotFound
}

// list prints keys.
func list(ctx context.Context, c *verb.Console, cl *verb.Client, key, separator string) error {
	var keys []string
	err := cl.Do(ctx, http.MethodGet, path(key), url.Values{"keys": {""}, "separator": {separator}}, nil, &keys)
	if err != nil && !isMissing(err) {
		return err
	}
	for _, k := range keys {
		fmt.Fprintln(c.Out, k)
	}
	return nil
}

func (r *reading) print(w io.Writer, e *entry) error {
	value := string(e.Value)
	if r.base64 {
		value = base64.StdEncoding.EncodeToString(e.Value)
	}
	switch {
	case r.detailed:
		t := tabwriter.NewWriter(w, 0, 2, 6, ' ', 0)
		fmt.Fprintf(t, "CreateIndex\t%d\nFlags\t%d\nKey\t%s\nLockIndex\t%d\nModifyIndex\t%d\nSession\t%s\nValue\t%s\n",
			e.CreateIndex, e.Flags, e.Key, e.LockIndex, e.ModifyIndex, cmp.Or(e.Session, "-"), value)
		return t.Flush()
	case r.recurse:
		_, err := fmt.Fprintf(w, "%s:%s\n", e.Key, value)
		return err
	}
	_, err := fmt.Fprintf(w, "%s\n", value)
	return err
}
