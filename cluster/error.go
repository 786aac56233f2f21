package cluster

import (
	"errors"
	"fmt"
)

// Code says what kind of failure an Error is. Each transport maps codes to its own status in one table.
type Code uint8

// The codes. Their numbers travel between members and must not change.
const (
	Internal         Code = 0 // a fault of ours or of the machine
	Invalid          Code = 1 // the request is wrong and will never succeed as it is
	NotFound         Code = 2 // what it names does not exist
	Conflict         Code = 3 // a precondition (CAS, epoch, uniqueness) does not hold
	NoLeader         Code = 4 // there is no leader now; nothing was done, and the same request may be sent again
	Unknown          Code = 5 // the outcome is not known: the write may or may not have happened
	Unauthorized     Code = 6 // the ACL token does not allow it
	Unsupported      Code = 7 // a part of Consul's API that Holdfast leaves out
	TooLarge         Code = 8 // the request or a value in it exceeds a limit
	Unavailable      Code = 9 // this member cannot serve now (starting, stopping, not caught up)
	numCodes              = 10
	unknownCodeError      = "internal"
)

var codeNames = [numCodes]string{
	unknownCodeError, "invalid", "not found", "conflict", "no leader", "unknown outcome", "unauthorized", "unsupported", "too large", "unavailable",
}

// String is the code's name in logs.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return unknownCodeError
}

// Error is the one error type that crosses package borders. Message is a sentence for the user: what is wrong, where, and what to do.
type Error struct {
	Code    Code
	Message string
}

// Error returns the message alone: it is what a user reads.
func (e *Error) Error() string { return e.Message }

// Is reports whether target is an Error of the same code and message, or a bare code sentinel such as ErrNoLeader.
func (e *Error) Is(target error) bool {
	t, ok := errors.AsType[*Error](target)
	return ok && t.Code == e.Code && t.Message == e.Message
}

// Errorf makes an Error with a formatted message.
func Errorf(c Code, format string, args ...any) *Error {
	return &Error{Code: c, Message: fmt.Sprintf(format, args...)}
}

// CodeOf is the code of the first Error in err's chain, and Internal where there is none.
func CodeOf(err error) Code {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Code
	}
	return Internal
}

// ErrNoLeader answers reads and writes that need a leader while the members know of none. Its text is Consul's, because clients look for it.
var ErrNoLeader = &Error{Code: NoLeader, Message: "No cluster leader"}
