package migrate

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"

	"holdfast/cmd/holdfast/verb"
	"holdfast/cmd/holdfast/verb/migrate/disk"
)

// inventory is what a source keeps, as far as it can be brought over, and what cannot, in sentences.
type inventory struct {
	from     string // what it was read from
	keys     []kvEntry
	nodes    []external
	services []service        // of one agent
	checks   []map[string]any // of that agent and of none of these services, as agent/check/register takes them
	queries  []map[string]any
	leftOut  []string
}

// omit says what is left out, and why.
func (inv *inventory) omit(format string, args ...any) {
	inv.leftOut = append(inv.leftOut, fmt.Sprintf(format, args...))
}

// kvEntry is one key. In the API its fields are capitals, in a file they are not; encoding/json takes both.
type kvEntry struct {
	Key     string
	Flags   uint64
	Value   []byte
	Session string `json:",omitempty"`
}

// read reads the source: an agent, a file, or a data directory.
func (o *options) read(ctx context.Context, c *verb.Console, here *verb.Client) (*inventory, error) {
	switch st, err := os.Stat(o.source); {
	case err == nil && st.IsDir() && o.dataDir == "":
		o.dataDir = o.source
		return o.readDirAlone()
	case err == nil && st.IsDir():
		return nil, verb.UsageError("-data-dir is given, and " + o.source + " is a directory, too: give the address of an agent or a snapshot with -data-dir, or the directory alone")
	case err == nil && st.Mode().IsRegular():
		return o.readFile(ctx, here)
	case strings.HasPrefix(o.source, "/") || strings.HasPrefix(o.source, "."):
		return nil, fmt.Errorf("there is no file %s: want one of snapshot save or of kv export, the data directory of an agent, or the address of one", o.source)
	}
	return o.readLive(ctx, c, here)
}

// readLive reads a running Consul through the API of one of its agents.
func (o *options) readLive(ctx context.Context, c *verb.Console, here *verb.Client) (*inventory, error) {
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
	dir, err := o.readDataDir(self.Config.NodeID)
	if err != nil {
		return nil, err
	}
	inv := &inventory{from: fmt.Sprintf("agent %s of datacenter %s (%s) at %s", self.Config.NodeName, self.Config.Datacenter, self.Config.Version, o.source)}
	readAgent := func(ctx context.Context, there *verb.Client, inv *inventory) error {
		return readAgent(ctx, there, inv, dir)
	}
	for _, part := range []func(context.Context, *verb.Client, *inventory) error{o.readKeys, readSessions, readNodes, readAgent, readQueries, readACL} {
		if err := part(ctx, there, inv); err != nil {
			return nil, fmt.Errorf("the source was not read: %w", err)
		}
	}
	return inv, nil
}

// readAgent reads the services and checks of the agent that is asked.
func readAgent(ctx context.Context, there *verb.Client, inv *inventory, dir *disk.DataDir) error {
	l := &local{where: "the API", dir: dir}
	if err := there.Do(ctx, http.MethodGet, "/v1/agent/services", nil, nil, &l.services); err != nil {
		return err
	}
	if err := there.Do(ctx, http.MethodGet, "/v1/agent/checks", nil, nil, &l.checks); err != nil {
		return err
	}
	inv.takeAgent(l)
	return nil
}

// readDirAlone reads a data directory, and what it has nothing about is left out.
func (o *options) readDirAlone() (*inventory, error) {
	dir, err := o.readDataDir("")
	if err != nil {
		return nil, err
	}
	inv := &inventory{from: "data directory " + o.source}
	inv.takeAgent(ofDataDir(dir))
	inv.omit("what config files define: give the agent here the same files")
	inv.omit("keys, external nodes and prepared queries: they come from a snapshot, or from a running agent")
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

// readFile reads a file: of kv export, or of snapshot save.
func (o *options) readFile(ctx context.Context, here *verb.Client) (*inventory, error) {
	f, err := os.Open(o.source)
	if err != nil {
		return nil, fmt.Errorf("cannot read the file: %w", err)
	}
	defer f.Close()
	in := bufio.NewReader(f)
	if b, err := in.Peek(len(gzipMagic)); err == nil && string(b) == gzipMagic {
		return o.readSnapshot(ctx, here, in)
	}
	if o.dataDir != "" {
		return nil, verb.UsageError("-data-dir says what the services of a running agent or of a snapshot do, and " + o.source + " is of kv export")
	}
	b, err := io.ReadAll(in)
	if err != nil {
		return nil, fmt.Errorf("cannot read the keys: %w", err)
	}
	inv := &inventory{from: "file " + o.source, leftOut: []string{"a file of kv export has keys alone: services and prepared queries come from a snapshot, or from a running agent"}}
	inv.keys, err = parseExport(b)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.source, err)
	}
	inv.keys = o.chosen(inv.keys)
	return inv, nil
}

// gzipMagic is how a file begins that is compressed with gzip.
const gzipMagic = "\x1f\x8b"

// parseExport reads what `consul kv export` prints.
func parseExport(b []byte) ([]kvEntry, error) {
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
	if err := there.Do(ctx, http.MethodGet, "/v1/session/list", nil, nil, &sessions); err != nil {
		return err
	}
	inv.omitSessions(len(sessions))
	return nil
}

// omitSessions says how many sessions there are, and which keys they hold.
func (inv *inventory) omitSessions(n int) {
	if n == 0 {
		return
	}
	const shown = 5
	var held []string
	for _, e := range inv.keys {
		if e.Session != "" {
			held = append(held, e.Key)
		}
	}
	they := count(len(held), "key")
	if n := len(held); n > shown {
		they += " (" + strings.Join(held[:shown], ", ") + " …)"
	} else if n > 0 {
		they += " (" + strings.Join(held, ", ") + ")"
	}
	inv.omit("%s: their programs make new ones here; %s that they hold come as keys that nobody holds", count(n, "session"), they)
}

func readQueries(ctx context.Context, there *verb.Client, inv *inventory) error {
	var all []map[string]any
	if err := there.Do(ctx, http.MethodGet, "/v1/query", nil, nil, &all); err != nil && !isMissing(err) {
		return err
	}
	inv.takeQueries(all)
	return nil
}

// takeQueries takes the prepared queries that no session is the end of.
func (inv *inventory) takeQueries(all []map[string]any) {
	bound := 0
	for _, q := range all {
		if s, _ := q["Session"].(string); s != "" {
			bound++
			continue
		}
		inv.queries = append(inv.queries, plainQuery(q))
	}
	if bound > 0 {
		inv.omit("%s bound to a session, and gone with it", count(bound, "prepared query"))
	}
}

// readACL says that tokens are left out, where there are any.
func readACL(ctx context.Context, there *verb.Client, inv *inventory) error {
	var tokens []json.RawMessage
	if err := there.Do(ctx, http.MethodGet, "/v1/acl/tokens", nil, nil, &tokens); err != nil {
		return nil //nolint:nilerr // ACLs are off, or there are none
	}
	if len(tokens) > 0 {
		inv.omit("%s: Holdfast does not check tokens yet", count(len(tokens), "ACL token"))
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
