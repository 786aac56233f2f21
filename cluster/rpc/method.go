package rpc

import (
	"context"
	"strconv"
)

// Method names what a call or a stream is for. Whoever serves a method declares its constant, beside its request and answer.
// The numbers travel between members and must not change.
type Method byte

// The methods that rpc keeps for itself; the others belong to the callers.
const (
	noMethod       Method = 0    // never valid, so that an unset method is found out
	firstOwnMethod Method = 0xF0 // from here on: kept for what this package may need later
)

// String is the method in errors and logs.
func (m Method) String() string { return "method " + strconv.Itoa(int(m)) }

// Handler answers one call. The context carries the caller's deadline and its Peer, and ends when the caller gives up, the
// connection dies, or the server closes. The request belongs to the handler. See the package comment on what its error means to the caller.
type Handler func(ctx context.Context, req []byte) (resp []byte, err error)

// StreamHandler serves one stream until it returns; the peer then receives io.EOF, or the error. The context carries the Peer and ends
// when the server closes or the stream breaks. The stream must not be used after the handler has returned.
type StreamHandler func(ctx context.Context, s *Stream) error
