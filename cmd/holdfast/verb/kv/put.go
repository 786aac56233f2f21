package kv

import (
	"bytes"
	"cmp"
	"context"
	"encoding/base64"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"holdfast/cmd/holdfast/verb"
)

// condition is under what condition a key is written or deleted.
type condition struct {
	cas   bool
	index *uint64 // nil where none was given
}

func (w *condition) register(fs *flag.FlagSet) {
	fs.BoolVar(&w.cas, "cas", false, "only if the key has not changed since -modify-index")
	fs.Func("modify-index", "the `index` that -cas compares with; 0 for a key that does not exist", func(s string) error {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			return fmt.Errorf("want a number, not %q", s)
		}
		w.index = &n
		return nil
	})
}

// add adds the condition to a query.
func (w *condition) add(q url.Values) error {
	if !w.cas {
		return nil
	}
	if w.index == nil {
		return verb.UsageError("want -modify-index with -cas")
	}
	q.Set("cas", strconv.FormatUint(*w.index, 10))
	return nil
}

// writing is what the flags of kv put say.
type writing struct {
	condition
	flags                    uint64
	session                  string
	acquire, release, base64 bool
}

func put(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f verb.ClientFlags
	f.Register(c, fs)
	var w writing
	w.register(fs)
	fs.Uint64Var(&w.flags, "flags", 0, "a `number` that is kept with the key")
	fs.StringVar(&w.session, "session", "", "`ID` of the session that acquires or releases the key")
	fs.BoolVar(&w.acquire, "acquire", false, "lock the key with -session; the key is made where there is none")
	fs.BoolVar(&w.release, "release", false, "give the lock of -session back")
	fs.BoolVar(&w.base64, "base64", false, "VALUE is in base64")
	const want = "a key and a value (@FILE for the content of a file, - for standard input)"
	if err := cmp.Or(verb.ParseWithValues(fs, args), verb.WantArgs(fs, 1, 2, want)); err != nil {
		return err
	}
	q, err := w.query()
	if err != nil {
		return err
	}
	cl, err := f.Client(c)
	if err != nil {
		return err
	}
	value, err := w.value(c, fs.Args()[1:])
	if err != nil {
		return err
	}
	key := strings.TrimPrefix(fs.Arg(0), "/")
	var done bool
	if err := cl.DoRaw(ctx, http.MethodPut, path(key), q, bytes.NewReader(value), &done); err != nil {
		return err
	}
	return w.report(c, key, done)
}

func (w *writing) query() (url.Values, error) {
	q := url.Values{}
	if w.flags != 0 {
		q.Set("flags", strconv.FormatUint(w.flags, 10))
	}
	switch {
	case w.acquire && w.release:
		return nil, verb.UsageError("-acquire and -release contradict each other: give one of them")
	case (w.acquire || w.release) && w.session == "":
		return nil, verb.UsageError("want -session with -acquire and -release")
	case w.acquire:
		q.Set("acquire", w.session)
	case w.release:
		q.Set("release", w.session)
	}
	return q, w.add(q)
}

// report says what became of it.
func (w *writing) report(c *verb.Console, key string, done bool) error {
	switch {
	case w.cas && !done:
		return fmt.Errorf("did not write to %s: CAS failed: the key has changed since index %d", key, *w.index)
	case w.acquire && !done:
		return fmt.Errorf("did not acquire lock: %s belongs to another session, or its lock delay is not over", key)
	case w.release && !done:
		return fmt.Errorf("did not release lock: %s is not locked by session %s", key, w.session)
	case w.acquire:
		fmt.Fprintf(c.Out, "Success! Lock acquired on: %s\n", key)
	case w.release:
		fmt.Fprintf(c.Out, "Success! Lock released on: %s\n", key)
	default:
		fmt.Fprintf(c.Out, "Success! Data written to: %s\n", key)
	}
	return nil
}

func (w *writing) value(c *verb.Console, args []string) ([]byte, error) {
	if len(args) == 0 {
		return nil, nil
	}
	b, err := c.Input(args[0], "value")
	if err != nil || !w.base64 {
		return b, err
	}
	out, err := base64.StdEncoding.DecodeString(strings.TrimSpace(string(b)))
	if err != nil {
		return nil, fmt.Errorf("cannot base 64 decode data: %w", err)
	}
	return out, nil
}

func remove(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var w condition
	w.register(fs)
	recurse := fs.Bool("recurse", false, "delete every key that begins with KEY; without one, every key")
	cl, err := verb.Connect(c, fs, args, 0, 1, "one key")
	if err != nil {
		return err
	}
	key := strings.TrimPrefix(fs.Arg(0), "/")
	q, what := url.Values{}, "key"
	switch {
	case *recurse && w.cas:
		return verb.UsageError("-cas and -recurse do not go together")
	case key == "" && !*recurse:
		return verb.UsageError("want one key")
	case *recurse:
		q.Set("recurse", "")
		what = "keys with prefix"
	}
	if err := w.add(q); err != nil {
		return err
	}
	done := true
	if err := cl.Do(ctx, http.MethodDelete, path(key), q, nil, &done); err != nil {
		return err
	}
	if !done {
		return fmt.Errorf("did not delete key %s: CAS failed: the key has changed since index %d", key, *w.index)
	}
	fmt.Fprintf(c.Out, "Success! Deleted %s: %s\n", what, key)
	return nil
}
