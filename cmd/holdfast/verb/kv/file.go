package kv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"holdfast/cmd/holdfast/verb"
)

// exported is one key in a file of kv export. The form is Consul's.
type exported struct {
	Key   string `json:"key"`
	Flags uint64 `json:"flags"`
	Value []byte `json:"value"`
}

func export(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	cl, err := verb.Connect(c, fs, args, 0, 1, "one prefix, or none for all keys")
	if err != nil {
		return err
	}
	var found []entry
	if err := cl.Do(ctx, http.MethodGet, path(fs.Arg(0)), url.Values{"recurse": {""}}, nil, &found); err != nil && !isMissing(err) {
		return err
	}
	all := make([]exported, 0, len(found))
	for _, e := range found {
		all = append(all, exported{Key: e.Key, Flags: e.Flags, Value: append([]byte{}, e.Value...)})
	}
	b, err := json.MarshalIndent(all, "", "\t")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "%s\n", b)
	return err
}

func load(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	prefix := fs.String("prefix", "", "`text` that is put in front of every key")
	cl, err := verb.Connect(c, fs, args, 1, 1, "the data: JSON, @FILE or -")
	if err != nil {
		return err
	}
	b, err := c.Input(fs.Arg(0), "keys")
	if err != nil {
		return err
	}
	var all []exported
	if err := json.Unmarshal(b, &all); err != nil {
		return fmt.Errorf("this is not what kv export prints: %w", err)
	}
	for _, e := range all { // before the first is written
		if e.Key == "" {
			return errors.New("an entry has no key: each needs \"key\", \"flags\" and \"value\"")
		}
	}
	for _, e := range all {
		key := joined(*prefix, e.Key)
		if err := cl.DoRaw(ctx, http.MethodPut, path(key), url.Values{"flags": {strconv.FormatUint(e.Flags, 10)}}, bytes.NewReader(e.Value), nil); err != nil {
			return fmt.Errorf("%s was not written: %w", key, err)
		}
		fmt.Fprintf(c.Out, "Imported: %s\n", key)
	}
	return nil
}

// joined puts a prefix before a key, with one slash between.
func joined(prefix, key string) string {
	if prefix == "" {
		return key
	}
	return strings.TrimSuffix(prefix, "/") + "/" + strings.TrimPrefix(key, "/")
}
