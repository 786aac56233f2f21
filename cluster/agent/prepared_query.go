package agent

import (
	"context"

	"github.com/google/uuid"

	"holdfast/cluster"
)

// CreatePreparedQuery makes a prepared query and answers its ID.
func (a *Agent) CreatePreparedQuery(ctx context.Context, opts cluster.WriteOptions, q cluster.PreparedQuery) (string, error) {
	q.ID = uuid.NewString()
	if _, err := a.Apply(ctx, opts, &cluster.PutPreparedQuery{Query: q}); err != nil {
		return "", err
	}
	return q.ID, nil
}
