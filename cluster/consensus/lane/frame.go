package lane

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/hashicorp/raft"
)

// First is the first byte of a connection that is a lane. The follower answers with Version, the length of its ID (1 byte) and the ID.
const (
	First   byte = 'L'
	Version byte = 1
)

// MaxFrame is how many bytes a frame may have; see Entries.
const MaxFrame = 4 << 20

// A frame is its length (4 bytes, big endian, counting what follows), its kind (1 byte), and the fields of the kind. Numbers are unsigned
// varints, texts are a length and as many bytes.
const (
	kindEntries byte = 1 // a request, which is answered
	kindCommit  byte = 2 // a request, which is not
	kindAnswer  byte = 3
)

// The flags of an answer.
const (
	flagSuccess byte = 1 << iota
	flagNoRetryBackoff
	flagFailed // raft did not answer but gave an error, whose text follows
)

const headerLen = 5

var errMalformed = errors.New("malformed frame")

// Entries is the frame of a request with entries, which is the same for all that it is sent to; nil where the request is too large for a lane.
func Entries(req *raft.AppendEntriesRequest) []byte {
	if sizeOf(req) > MaxFrame {
		return nil
	}
	return request(kindEntries, req)
}

// sizeOf is the most that the frame of a request takes.
func sizeOf(req *raft.AppendEntriesRequest) int {
	const most = 64 // bytes that the numbers of an entry take
	size := most + len(req.ID) + len(req.Addr)
	for _, e := range req.Entries {
		size += most + len(e.Data) + len(e.Extensions)
	}
	return size
}

// request is the frame of a request.
func request(kind byte, req *raft.AppendEntriesRequest) []byte {
	b := append(make([]byte, 0, sizeOf(req)), 0, 0, 0, 0, kind)
	b = binary.AppendUvarint(b, uint64(req.ProtocolVersion))
	b = appendText(b, req.ID)
	b = appendText(b, req.Addr)
	for _, n := range [...]uint64{req.Term, req.PrevLogEntry, req.PrevLogTerm, req.LeaderCommitIndex, uint64(len(req.Entries))} {
		b = binary.AppendUvarint(b, n)
	}
	for _, e := range req.Entries {
		b = binary.AppendUvarint(b, e.Index)
		b = binary.AppendUvarint(b, e.Term)
		b = append(b, byte(e.Type))
		b = binary.AppendUvarint(b, nanos(e.AppendedAt))
		b = appendText(b, e.Data)
		b = appendText(b, e.Extensions)
	}
	return closeFrame(b, 0)
}

// appendAnswer appends the frame of an answer to b. failed is raft's error, and then answer is nothing.
func appendAnswer(b []byte, answer *raft.AppendEntriesResponse, failed error) []byte {
	start := len(b)
	b = append(b, 0, 0, 0, 0, kindAnswer)
	if failed != nil {
		b = append(b, flagFailed)
		return closeFrame(appendText(b, []byte(failed.Error())), start)
	}
	var flags byte
	if answer.Success {
		flags |= flagSuccess
	}
	if answer.NoRetryBackoff {
		flags |= flagNoRetryBackoff
	}
	b = append(b, flags)
	b = binary.AppendUvarint(b, uint64(answer.ProtocolVersion))
	b = appendText(b, answer.ID)
	b = appendText(b, answer.Addr)
	b = binary.AppendUvarint(b, answer.Term)
	b = binary.AppendUvarint(b, answer.LastLog)
	return closeFrame(b, start)
}

func closeFrame(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start:], uint32(len(b)-start-4))
	return b
}

func appendText(b, text []byte) []byte {
	return append(binary.AppendUvarint(b, uint64(len(text))), text...)
}

// nanos is a time in nanoseconds since 1970, 0 for none.
func nanos(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixNano())
}

// reader reads frames.
type reader struct{ in *bufio.Reader }

// next is the kind of the next frame and its fields.
func (r *reader) next() (kind byte, fields []byte, err error) {
	header, err := r.in.Peek(headerLen)
	if err != nil {
		if len(header) > 0 && errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	size, kind := binary.BigEndian.Uint32(header), header[4]
	if size == 0 || size > MaxFrame {
		return 0, nil, fmt.Errorf("%w: it has %d bytes", errMalformed, size)
	}
	_, _ = r.in.Discard(headerLen)
	fields = make([]byte, size-1) // of its own: raft keeps entries, whose texts are parts of it
	_, err = io.ReadFull(r.in, fields)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return kind, fields, err
}

// fields takes one field after the other off a frame. After a field that is not there, bad is set and all that follows is nothing.
type fields struct {
	rest []byte
	bad  bool
}

func (f *fields) number() uint64 {
	v, n := binary.Uvarint(f.rest)
	if n <= 0 {
		f.rest, f.bad = nil, true
		return 0
	}
	f.rest = f.rest[n:]
	return v
}

func (f *fields) octet() byte {
	if len(f.rest) == 0 {
		f.bad = true
		return 0
	}
	v := f.rest[0]
	f.rest = f.rest[1:]
	return v
}

// text is a part of the frame. An empty one is nil.
func (f *fields) text() []byte {
	n := f.number()
	if n > uint64(len(f.rest)) {
		f.rest, f.bad = nil, true
		return nil
	}
	if n == 0 {
		return nil
	}
	text := f.rest[:n:n]
	f.rest = f.rest[n:]
	return text
}

func (f *fields) end() error {
	if f.bad || len(f.rest) > 0 {
		return errMalformed
	}
	return nil
}

// decodeRequest reads the fields of a request.
func decodeRequest(b []byte) (*raft.AppendEntriesRequest, error) {
	f := fields{rest: b}
	req := &raft.AppendEntriesRequest{RPCHeader: f.header()}
	req.Term, req.PrevLogEntry, req.PrevLogTerm, req.LeaderCommitIndex = f.number(), f.number(), f.number(), f.number()
	n := f.number()
	const least = 6 // bytes of an entry
	if n > uint64(len(f.rest)/least) {
		return nil, errMalformed
	}
	entries := make([]raft.Log, n)
	req.Entries = make([]*raft.Log, n)
	for i := range entries {
		e := &entries[i]
		e.Index, e.Term, e.Type = f.number(), f.number(), raft.LogType(f.octet())
		if at := f.number(); at != 0 {
			e.AppendedAt = time.Unix(0, int64(at))
		}
		e.Data, e.Extensions = f.text(), f.text()
		req.Entries[i] = e
	}
	return req, f.end()
}

// decodeAnswer reads the fields of an answer. refused is raft's error.
func decodeAnswer(b []byte) (answer raft.AppendEntriesResponse, refused, err error) {
	f := fields{rest: b}
	flags := f.octet()
	if flags == flagFailed {
		refused = errors.New(string(f.text()))
		return answer, refused, f.end()
	}
	if flags&^(flagSuccess|flagNoRetryBackoff) != 0 {
		return answer, nil, errMalformed
	}
	answer.Success, answer.NoRetryBackoff = flags&flagSuccess != 0, flags&flagNoRetryBackoff != 0
	answer.RPCHeader = f.header()
	answer.Term, answer.LastLog = f.number(), f.number()
	return answer, nil, f.end()
}

func (f *fields) header() raft.RPCHeader {
	return raft.RPCHeader{ProtocolVersion: raft.ProtocolVersion(f.number()), ID: f.text(), Addr: f.text()}
}
