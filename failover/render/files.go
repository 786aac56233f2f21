package render

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"holdfast/failover/render/language"
)

// errFileChanged ends a read because a file that the template reads has changed.
var errFileChanged = errors.New("a file that the template reads has changed")

// fileInterval is how often files that templates read are looked at.
const fileInterval = 2 * time.Second

// watchFiles cancels once one of the files is another.
func watchFiles(ctx context.Context, have []language.Version, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(fileInterval)
	defer tick.Stop()
	for {
		for _, was := range have {
			if now := language.VersionOf(was.Path); now.Size != was.Size || !now.Modified.Equal(was.Modified) {
				cancel(errFileChanged)
				return
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// writeFiles writes the files that a template has written with writeToFile. changed reports whether its own text has changed: what is
// appended is appended then.
func writeFiles(files []language.File, changed bool) error {
	for _, f := range files {
		perms, err := strconv.ParseUint(f.Perms, 8, 12)
		if err != nil {
			return fmt.Errorf("the permissions %q of %s are not octal", f.Perms, f.Path)
		}
		t := Template{Destination: f.Path, CreateDirs: true, Perms: os.FileMode(perms), User: f.Owner, Group: f.Group}
		text := f.Content
		if f.Append {
			if !changed {
				continue
			}
			_, have, _, err := current(f.Path)
			if err != nil {
				return fmt.Errorf("cannot read %s: %w", f.Path, err)
			}
			text = string(have) + text
		}
		if _, err := t.write(context.Background(), text); err != nil {
			return err
		}
	}
	return nil
}
