package snapshot

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"holdfast/cluster"
	"holdfast/cluster/archive"
	"holdfast/cmd/holdfast/verb"
)

// inspection is what is in a snapshot. The names in JSON are Consul's.
type inspection struct {
	Meta        archive.Meta
	Stats       []recordStat
	StatsKV     []recordStat
	TotalSize   int
	TotalSizeKV int

	byName   map[string]int // places in Stats
	byPrefix map[string]int // and in StatsKV
}

// recordStat is how much there is of one kind of record, or below one prefix.
type recordStat struct {
	Name  string
	Sum   int // of their bytes
	Count int
}

// consulKinds are the kinds of records that Consul's users know under another name.
var consulKinds = map[string]string{"KVEntry": "KVS", "IndexRow": "Index"}

func runSnapshotInspect(_ context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var format verb.FormatFlag
	format.Register(fs)
	details := fs.Bool("kvdetails", false, "show how much the keys take below each prefix")
	depth := fs.Int("kvdepth", 2, "`parts` that a prefix of -kvdetails has")
	filter := fs.String("kvfilter", "", "limit -kvdetails to keys with this `prefix`")
	if err := verb.ParseFlags(fs, args); err != nil {
		return err
	}
	if err := verb.WantArgs(fs, 1, 1, "the name of one file"); err != nil {
		return err
	}
	f, err := os.Open(fs.Arg(0))
	if err != nil {
		return fmt.Errorf("cannot read the snapshot: %w", err)
	}
	defer f.Close()
	x := &inspection{Stats: []recordStat{}, byName: map[string]int{}, byPrefix: map[string]int{}}
	err = eachRecord(f, &x.Meta, func(kind string, size int, record any) error {
		x.count(kind, size)
		if e, ok := record.(*cluster.KVEntry); ok && *details && strings.HasPrefix(e.Key, *filter) {
			x.countKey(e.Key, *depth, size)
		}
		return nil
	})
	if err != nil {
		return err
	}
	x.sort()
	if format.JSON {
		e := json.NewEncoder(c.Out)
		e.SetIndent("", "   ")
		return e.Encode(x)
	}
	return x.print(c.Out)
}

func (x *inspection) count(kind string, size int) {
	add(&x.Stats, x.byName, cmp.Or(consulKinds[kind], kind), size)
	x.TotalSize += size
}

func (x *inspection) countKey(key string, depth, size int) {
	parts := strings.Split(key, "/")
	add(&x.StatsKV, x.byPrefix, strings.Join(parts[:min(max(1, depth), len(parts))], "/"), size)
	x.TotalSizeKV += size
}

func add(stats *[]recordStat, places map[string]int, name string, size int) {
	i, ok := places[name]
	if !ok {
		i = len(*stats)
		places[name] = i
		*stats = append(*stats, recordStat{Name: name})
	}
	s := &(*stats)[i]
	s.Sum, s.Count = s.Sum+size, s.Count+1
}

// sort puts what takes most first.
func (x *inspection) sort() {
	for _, stats := range [][]recordStat{x.Stats, x.StatsKV} {
		slices.SortFunc(stats, func(a, b recordStat) int { return cmp.Or(cmp.Compare(b.Sum, a.Sum), cmp.Compare(a.Name, b.Name)) })
	}
}

func (x *inspection) print(w io.Writer) error {
	t := tabwriter.NewWriter(w, 8, 8, 6, ' ', 0)
	fmt.Fprintf(t, " ID\t%s\n Size\t%d\n Index\t%d\n Term\t%d\n Version\t%d\n", x.Meta.ID, x.Meta.Size, x.Meta.Index, x.Meta.Term, x.Meta.Version)
	printStats(t, "Type", x.Stats, x.TotalSize)
	if x.StatsKV != nil {
		printStats(t, "Key Name", x.StatsKV, x.TotalSizeKV)
	}
	return t.Flush()
}

func printStats(t *tabwriter.Writer, what string, stats []recordStat, total int) {
	const rule = " ----\t----\t----\n"
	fmt.Fprintf(t, "\n %s\tCount\tSize\n%s", what, rule)
	for _, s := range stats {
		fmt.Fprintf(t, " %s\t%d\t%s\n", s.Name, s.Count, byteSize(s.Sum))
	}
	fmt.Fprintf(t, "%s Total\t\t%s\n", rule, byteSize(total))
}

// byteSize is a number of bytes as people write it: 405B, 1.7KB, 5MB.
func byteSize(n int) string {
	const unit = 1024
	size, names := float64(n), []string{"B", "KB", "MB", "GB"}
	for size >= unit && len(names) > 1 {
		size, names = size/unit, names[1:]
	}
	return strings.TrimSuffix(strconv.FormatFloat(size, 'f', 1, 64), ".0") + names[0]
}
