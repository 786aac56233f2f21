package rpc

import (
	"context"
	"errors"
	"fmt"

	"holdfast/cluster"
)

// failure is a handler's error as it travels.
func failure(id uint64, err error) frame {
	e := travelling(err)
	return frame{kind: kindFailure, id: id, code: e.Code, body: errorText(e.Message)}
}

// goodbye is the last frame of a side that closes because of err.
func goodbye(err error) frame {
	e := travelling(err)
	return frame{kind: kindGoodbye, code: e.Code, body: errorText(e.Message)}
}

// travelling is the first cluster.Error in err's chain, or one that is made for it.
func travelling(err error) *cluster.Error {
	var e *cluster.Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &cluster.Error{Code: cluster.Unknown, Message: err.Error()}
	default:
		return &cluster.Error{Code: cluster.Internal, Message: err.Error()}
	}
}

// errorText is a message cut to what may travel.
func errorText(s string) []byte { return []byte(s[:min(len(s), maxErrorText)]) }

// remote is the error in a failure or goodbye.
func (f frame) remote() *cluster.Error { return &cluster.Error{Code: f.code, Message: string(f.body)} }

// notHandled is the error of a call whose request the peer has certainly not begun with.
func notHandled(addr string, cause error) error {
	return fmt.Errorf("%w: %w", cluster.Errorf(cluster.Unavailable, "%s did not get the request", addr), cause)
}

// perhapsHandled is the error of a call whose request was sent and whose answer did not come.
func perhapsHandled(addr string, cause error) error {
	return fmt.Errorf("%w: %w", cluster.Errorf(cluster.Unknown, "%s may or may not have done what was asked: look before you ask again", addr), cause)
}
