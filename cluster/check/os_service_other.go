//go:build !linux

package check

import (
	"context"

	"holdfast/cluster"
)

// osService cannot ask anybody here.
type osService struct{}

func newOSService(cluster.CheckDefinition) probe { return osService{} }

func (osService) probe(context.Context) Result {
	return Result{cluster.Critical, "os_service asks systemd, which this system does not have"}
}
