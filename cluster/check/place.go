package check

import (
	"context"

	"holdfast/cluster"
)

// place is where a process is looked for.
type place interface {
	// find answers the process ID and words for it, or an error that says in a sentence why there is none.
	find(ctx context.Context) (pid int, what string, err error)
	// ended says that the process that was found has ended: its number means nothing any more.
	ended(pid int)
}

func newPlace(d *cluster.ProcessCheck) place {
	switch {
	case d.PIDFile != "":
		return &pidFile{path: d.PIDFile}
	case d.Command != "":
		return &command{line: d.Command}
	}
	return &unit{name: d.Unit}
}
