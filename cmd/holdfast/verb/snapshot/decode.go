package snapshot

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"os"

	"holdfast/cluster/archive"
	"holdfast/cmd/holdfast/verb"
)

// decoded is a line of what snapshot decode prints. The names are Consul's.
type decoded struct {
	Type string
	Data any
}

func runSnapshotDecode(_ context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	if err := cmp.Or(verb.ParseFlags(fs, args), verb.WantArgs(fs, 1, 1, "the name of one file")); err != nil {
		return err
	}
	f, err := os.Open(fs.Arg(0))
	if err != nil {
		return fmt.Errorf("cannot read the snapshot: %w", err)
	}
	defer f.Close()
	meta, err := verifySnapshot(f)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(c.Out)
	lines := json.NewEncoder(out)
	if err := lines.Encode(decoded{"SnapshotHeader", struct{ LastIndex uint64 }{meta.Index}}); err != nil {
		return err
	}
	err = eachRecord(f, new(archive.Meta), func(kind string, _ int, record any) error {
		return lines.Encode(decoded{cmp.Or(consulKinds[kind], kind), record})
	})
	return cmp.Or(err, out.Flush())
}
