// Package rpc is the one TCP port between members (8300). The first byte of each connection says what it carries:
//
//   - raft: the bytes belong to the consensus library from then on (Server.RaftLayer);
//   - web: the bytes are HTTP, requests of the API that another member hands over (Server.WebLayer);
//   - calls: many requests and answers at once, answered in any order (Server.Handle, Client.Call);
//   - a stream: messages in both directions until one side ends it (Server.HandleStream, Client.OpenStream);
//   - a hello: which cluster the caller belongs to and whom it means (Hello), after which one of the above follows;
//   - TLS: a handshake, inside of which one of the above follows.
//
// The package moves opaque bytes: who calls gives a Method and encodes the request itself.
//
// # Frames
//
// Calls and streams speak frames: length (4 bytes, big endian, counting what follows), kind (1 byte), and the fields of that kind
// (frame.go). A change to this format takes another first byte. Frames that wait for the same connection are written together, so
// that many concurrent callers share system calls. A frame that is malformed, exceeds its limit, or takes too long to arrive ends the connection.
//
// # What an error of Call means
//
// A handler's error arrives as the first *cluster.Error in its chain was, code and message; an error without one arrives as cluster.Internal,
// or, where a context ended under the handler, as cluster.Unknown. Errors of the transport are told apart by their code:
//
//   - cluster.Unavailable: the request was certainly not handled. No connection could be made; or the connection ended before the kernel had
//     taken the request's last byte; or the caller's context ended while the request still waited its turn to be written; or the peer refused it
//     or said goodbye before it began with it. Sending it again, here or to another member, is safe.
//   - cluster.Unknown: the request may have been handled, in part or whole. It was written, or being written, when the connection broke or
//     fell silent or the caller's context ended. Only what can be repeated without harm may be sent again. (So it is too where a peer
//     refuses this side's TLS certificate, which TLS 1.3 does after the first request.)
//   - cluster.TooLarge: request or answer exceeds Options.MaxCall. A request was not sent; an answer means that the handler ran.
//   - cluster.Unsupported: the peer serves no such method; nothing was done.
//   - cluster.Invalid: the peer could not read what this side sent on the connection and did not begin with the request.
//
// Handlers keep the same promise: they return cluster.Unavailable or cluster.NoLeader only where nothing was done. So a caller may
// repeat after Unavailable and NoLeader, and after nothing else. Where the caller's context ended, errors.Is also finds context.Canceled or
// context.DeadlineExceeded.
//
// # A peer that is gone
//
// A call returns at once when its context ends, and the peer ends the handler's context. A closed connection fails every call
// that waits on it at once. A peer that is frozen or unplugged sends nothing at all: while calls wait on a silent connection it is
// pinged, and given up after Options.SilenceTimeout. TCP keepalive and user timeout (10 s) find what is unplugged underneath every
// kind of connection. Nobody waits for ever to write: a peer that takes nothing for Options.StallTimeout is cut off.
//
// A peer that is back is heard at once. The kernel sends what was lost again at intervals that double, so a connection may stand still for as
// long again as the network was parted. Therefore a call takes a new connection where the one before it ended without an answer (doubt.go), and an
// attempt to connect that waits gets company (race).
package rpc
