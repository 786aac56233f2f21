package exchange

import (
	"context"
	"errors"
	"net/http"

	"holdfast/cluster"
)

// statuses maps each code to its HTTP status. Consul answers 500 for most of what goes wrong behind the request itself.
var statuses = map[cluster.Code]int{
	cluster.Internal:     http.StatusInternalServerError,
	cluster.Invalid:      http.StatusBadRequest,
	cluster.NotFound:     http.StatusNotFound,
	cluster.Conflict:     http.StatusConflict,
	cluster.NoLeader:     http.StatusInternalServerError,
	cluster.Unknown:      http.StatusInternalServerError,
	cluster.Unauthorized: http.StatusForbidden,
	cluster.Unsupported:  http.StatusNotImplemented,
	cluster.TooLarge:     http.StatusRequestEntityTooLarge,
	cluster.Unavailable:  http.StatusServiceUnavailable,
}

// statusError is an error whose status is not the one of its code.
type statusError struct {
	status int
	error
}

// Unwrap gives the error without its status.
func (e *statusError) Unwrap() error { return e.error }

func statusOf(err error) int {
	if e, ok := errors.AsType[*statusError](err); ok {
		return e.status
	}
	if s, ok := statuses[cluster.CodeOf(err)]; ok {
		return s
	}
	return http.StatusInternalServerError
}

// AsServerError gives what a session or lock made invalid the status 500: clients tell it from a malformed request by that.
func AsServerError(err error) error {
	if err != nil && cluster.CodeOf(err) == cluster.Invalid {
		return &statusError{http.StatusInternalServerError, err}
	}
	return err
}

// Failed gives an error the status 500, whatever its code: the request was well, and what it asked for is not.
func Failed(err error) error {
	if err == nil {
		return nil
	}
	return &statusError{http.StatusInternalServerError, err}
}

// ErrACLDisabled answers what is about access rules while nothing checks them. Status and text are Consul's: clients tell by them whether a
// cluster has access rules.
var ErrACLDisabled error = &statusError{http.StatusUnauthorized, cluster.Errorf(cluster.Unauthorized, "ACL support disabled")}

func canceled(err error) bool {
	ended := errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
	return ended && cluster.CodeOf(err) != cluster.Unknown // a write whose outcome is not known must not read as one that was not done
}
