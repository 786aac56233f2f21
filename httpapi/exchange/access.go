package exchange

import (
	"context"

	"holdfast/cluster"
	"holdfast/cluster/state"
)

// Reader reads the replicated state. It makes it as fresh as the options ask, and blocks where they carry an index; fn may run many
// times and sets its results anew each time.
type Reader interface {
	Query(ctx context.Context, opts cluster.QueryOptions, fn func(*state.View) error) (cluster.QueryMeta, error)
}

// Writer changes the replicated state.
type Writer interface {
	Apply(ctx context.Context, opts cluster.WriteOptions, cmd cluster.Command) (any, error)
}
