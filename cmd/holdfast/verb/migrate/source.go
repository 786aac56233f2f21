package migrate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"holdfast/cmd/holdfast/verb"
)

// inventory is what a source keeps, as far as it can be brought over, and what cannot, in sentences.
type inventory struct {
	from     string // what it was read from
	keys     []kvEntry
	nodes    []external
	services []map[string]any // of the agent that was asked, as agent/service/register takes them
	queries  []map[string]any
	leftOut  []string
}

// kvEntry is one key. In the API its fields are capitals, in a file they are not; encoding/json takes both.
type kvEntry struct {
	Key     string
	Flags   uint64
	Value   []byte
	Session string `json:",omitempty"`
}

// read reads the source, be it an agent or a file.
func (o *options) read(ctx context.Context, c *verb.Console, here *verb.Client) (*inventory, error) {
	if st, err := os.Stat(o.source); err == nil && st.Mode().IsRegular() {
		return o.readFile()
	}
	if strings.HasPrefix(o.source, "/") || strings.HasPrefix(o.source, ".") {
		return nil, fmt.Errorf("there is no file %s: want one of kv export, or the address of an agent", o.source)
	}
	there, err := verb.Other(c, o.source, o.sourceToken)
	if err != nil {
		return nil, err
	}
	self, err := identity(ctx, there)
	if err != nil {
		return nil, err
	}
	own, err := identity(ctx, here)
	if err != nil {
		return nil, err
	}
	if self.Config.NodeID == own.Config.NodeID && self.Member.Addr == own.Member.Addr && self.Member.Port == own.Member.Port {
		return nil, verb.UsageError(o.source + " is the agent that would be written to: give the address of Holdfast's with -http-addr")
	}
	inv := &inventory{from: fmt.Sprintf("agent %s of datacenter %s (%s) at %s", self.Config.NodeName, self.Config.Datacenter, self.Config.Version, o.source)}
	for _, part := range []func(context.Context, *verb.Client, *inventory) error{o.readKeys, readSessions, readNodes, readServices, readQueries, readACL} {
		if err := part(ctx, there, inv); err != nil {
			return nil, fmt.Errorf("the source was not read: %w", err)
		}
	}
	return inv, nil
}

// selfJSON is what identifies an agent.
type selfJSON struct {
	Config struct{ NodeName, NodeID, Datacenter, Version string }
	Member struct {
		Addr string
		Port int
	}
}

func identity(ctx context.Context, cl *verb.Client) (self selfJSON, err error) {
	err = cl.Do(ctx, http.MethodGet, "/v1/agent/self", nil, nil, &self)
	return self, err
}

// readFile reads a file of kv export.
func (o *options) readFile() (*inventory, error) {
	b, err := os.ReadFile(o.source)
	if err != nil {
		return nil, fmt.Errorf("cannot read the keys: %w", err)
	}
	inv := &inventory{from: "file " + o.source, leftOut: []string{"a file of kv export has keys alone: services and prepared queries come from a running agent"}}
	inv.keys, err = parseExport(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.source, err)
	}
	inv.keys = o.chosen(inv.keys)
	return inv, nil
}

// parseExport reads what `consul kv export` prints.
func parseExport(b []byte) ([]kvEntry, error) {
	if bytes.HasPrefix(b, []byte{0x1f, 0x8b}) {
		return nil, errors.New("this is an archive of consul snapshot save, whose records are Consul's own: give the address of a running agent, or a file of consul kv export")
	}
	var keys []kvEntry
	if err := json.Unmarshal(b, &keys); err != nil {
		return nil, fmt.Errorf("this is not what consul kv export prints: %w", err)
	}
	if i := slices.IndexFunc(keys, func(e kvEntry) bool { return e.Key == "" }); i >= 0 {
		return nil, fmt.Errorf("entry %d has no key: each needs \"key\", \"flags\" and \"value\"", i)
	}
	return keys, nil
}

func (o *options) chosen(keys []kvEntry) []kvEntry {
	return slices.DeleteFunc(keys, func(e kvEntry) bool { return !strings.HasPrefix(e.Key, o.prefix) })
}

func (o *options) readKeys(ctx context.Context, there *verb.Client, inv *inventory) error {
	err := there.Patient().Do(ctx, http.MethodGet, "/v1/kv/", url.Values{"recurse": {""}}, nil, &inv.keys)
	if isMissing(err) {
		err = nil
	}
	inv.keys = o.chosen(inv.keys)
	return err
}

// isMissing is whether the API says that there is nothing, or no such part of it.
func isMissing(err error) bool {
	var se verb.StatusError
	return errors.As(err, &se) && se.Code == http.StatusNotFound
}

func readSessions(ctx context.Context, there *verb.Client, inv *inventory) error {
	var sessions []struct{ ID string }
	if err := there.Do(ctx, http.MethodGet, "/v1/session/list", nil, nil, &sessions); err != nil || len(sessions) == 0 {
		return err
	}
	held := 0
	for _, e := range inv.keys {
		if e.Session != "" {
			held++
		}
	}
	inv.leftOut = append(inv.leftOut, fmt.Sprintf("%s: their programs make new ones here; %s that they hold come as keys that nobody holds", count(len(sessions), "session"), count(held, "key")))
	return nil
}

func readQueries(ctx context.Context, there *verb.Client, inv *inventory) error {
	var all []map[string]any
	if err := there.Do(ctx, http.MethodGet, "/v1/query", nil, nil, &all); err != nil && !isMissing(err) {
		return err
	}
	bound := 0
	for _, q := range all {
		if s, _ := q["Session"].(string); s != "" {
			bound++
			continue
		}
		inv.queries = append(inv.queries, plainQuery(q))
	}
	if bound > 0 {
		inv.leftOut = append(inv.leftOut, count(bound, "prepared query")+" bound to a session, and gone with it")
	}
	return nil
}

// readACL says that tokens are left out, where there are any.
func readACL(ctx context.Context, there *verb.Client, inv *inventory) error {
	var tokens []json.RawMessage
	if err := there.Do(ctx, http.MethodGet, "/v1/acl/tokens", nil, nil, &tokens); err != nil {
		return nil //nolint:nilerr // ACLs are off, or there are none
	}
	if len(tokens) > 0 {
		inv.leftOut = append(inv.leftOut, count(len(tokens), "ACL token")+": Holdfast does not check tokens yet")
	}
	return nil
}

// count is a number with its noun, in the plural where it is not one.
func count(n int, noun string) string {
	switch {
	case n == 1:
	case strings.HasSuffix(noun, "y") && !strings.HasSuffix(noun, "ey"):
		noun = strings.TrimSuffix(noun, "y") + "ies"
	default:
		noun += "s"
	}
	return fmt.Sprintf("%d %s", n, noun)
}
