// Package snapshot is the verbs that keep the whole state of a cluster in a file, and bring it back.
package snapshot

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"holdfast/cluster/archive"
	"holdfast/cluster/codec"
	"holdfast/cmd/holdfast/verb"
)

// Verb is the snapshot family.
func Verb() verb.Verb {
	return verb.Verb{
		Name: "snapshot", Args: "save|restore|inspect|decode", Short: "save and restore the state of the cluster",
		Subs: []verb.Verb{
			{
				Name: "snapshot save", Args: "FILE", Short: "save the whole state in a file", Run: runSnapshotSave, Examples: []string{"snapshot save backup.snap"},
				Long: `The file is an archive: gzip and tar, with meta.json, state.bin and SHA256SUMS. It is written under another name first, read back and
compared, and only then takes its own. The state may hold secrets, and so does the file: only its owner may read it.`,
			},
			{
				Name: "snapshot restore", Args: "FILE", Short: "replace the state of the cluster by a file's", Run: runSnapshotRestore, Examples: []string{"snapshot restore backup.snap"},
				Long: `Keys, sessions, groups, configuration and what was registered from outside become the file's on every member in one step. What is true
of this cluster alone stays: its members with their services and checks, who holds which address, and the peer set. The whole file is checked
first; one that is not whole changes nothing.`,
			},
			{
				Name: "snapshot inspect", Args: "FILE", Short: "say what is in a snapshot", Run: runSnapshotInspect, Examples: []string{"snapshot inspect backup.snap", "snapshot inspect -kvdetails -kvdepth=1 backup.snap"},
				Long: "It reads the file and needs no agent.",
			},
			{
				Name: "snapshot decode", Args: "FILE", Short: "print every record of a snapshot as JSON", Run: runSnapshotDecode, Examples: []string{"snapshot decode backup.snap | jq 'select(.Type==\"KVS\").Data.Key'"},
				Long: `A line for each: its Type, and the record itself as Data; the first is the header. Values of keys are in base64. It reads the file and needs no
agent. A file that is not whole is refused before anything is printed.`,
			},
		},
	}
}

func runSnapshotSave(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var f verb.ClientFlags
	f.Register(c, fs)
	parts := fs.String("append-filename", "", "put these `parts` into the file's name: any of version, dc, node and status, with commas between them")
	if err := verb.ParseFlags(fs, args); err != nil {
		return err
	}
	if err := verb.WantArgs(fs, 1, 1, "the name of one file"); err != nil {
		return err
	}
	cl, err := f.Client(c)
	if err != nil {
		return err
	}
	name, err := appendToName(ctx, cl, fs.Arg(0), *parts)
	if err != nil {
		return err
	}
	index, err := saveSnapshot(ctx, cl, name)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, "Saved and verified snapshot to index %d\n", index)
	return err
}

// appendToName puts what the agent says of itself before the file's extension.
func appendToName(ctx context.Context, cl *verb.Client, name, parts string) (string, error) {
	if parts == "" {
		return name, nil
	}
	known := []string{"version", "dc", "node", "status"}
	asked := strings.Split(parts, ",")
	if i := slices.IndexFunc(asked, func(p string) bool { return !slices.Contains(known, p) }); i >= 0 {
		return "", verb.UsageError(fmt.Sprintf("-append-filename has %q: want any of %s", asked[i], strings.Join(known, ",")))
	}
	var self struct {
		Config struct{ Version, Datacenter, NodeName string }
		Stats  map[string]map[string]string
	}
	if err := cl.Do(ctx, http.MethodGet, "/v1/agent/self", nil, nil, &self); err != nil {
		return "", err
	}
	status := "follower"
	if self.Stats["consul"]["leader"] == "true" {
		status = "leader"
	}
	says := map[string]string{"version": self.Config.Version, "dc": self.Config.Datacenter, "node": self.Config.NodeName, "status": status}
	ext := filepath.Ext(name)
	words := []string{strings.TrimSuffix(name, ext)}
	for _, p := range asked {
		words = append(words, says[p])
	}
	return strings.Join(words, "-") + ext, nil
}

// saveSnapshot writes the agent's snapshot into a file, and gives its index.
func saveSnapshot(ctx context.Context, cl *verb.Client, name string) (uint64, error) {
	out, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".unverified-*")
	if err != nil {
		return 0, fmt.Errorf("cannot make the file: %w", err)
	}
	defer func() { _ = os.Remove(out.Name()) }() // it is gone where all went well
	defer func() { _ = out.Close() }()
	if err := cl.Download(ctx, "/v1/snapshot", nil, out); err != nil {
		return 0, err
	}
	meta, err := verifySnapshot(out)
	if err != nil {
		return 0, fmt.Errorf("what the agent sent is no whole snapshot: %w", err)
	}
	if err := errors.Join(out.Sync(), os.Rename(out.Name(), name)); err != nil {
		return 0, fmt.Errorf("cannot keep the file: %w", err)
	}
	return meta.Index, nil
}

// verifySnapshot reads a whole snapshot, every record of it.
func verifySnapshot(f io.ReadSeeker) (archive.Meta, error) {
	var meta archive.Meta
	err := eachRecord(f, &meta, func(string, int, any) error { return nil })
	return meta, err
}

// eachRecord gives every record of a snapshot to see. Only when it returns no error was the snapshot whole.
func eachRecord(f io.ReadSeeker, meta *archive.Meta, see func(kind string, size int, record any) error) error {
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	m, err := archive.Decode(f, func(state io.Reader) error {
		_, err := codec.ReadState(state, see)
		return err
	})
	*meta = m
	return err
}

func runSnapshotRestore(ctx context.Context, c *verb.Console, args []string) error {
	cl, args, err := verb.ConnectArgs(c, args)
	if err != nil {
		return err
	}
	if len(args) != 1 {
		return verb.UsageError("want the name of one file" + verb.Given(args))
	}
	f, err := os.Open(args[0])
	if err != nil {
		return fmt.Errorf("cannot read the snapshot: %w", err)
	}
	defer f.Close()
	if _, err := cl.Patient().Raw(ctx, http.MethodPut, "/v1/snapshot", nil, f); err != nil {
		return err
	}
	_, err = fmt.Fprintln(c.Out, "Restored snapshot")
	return err
}
