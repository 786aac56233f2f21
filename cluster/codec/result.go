package codec

import (
	"encoding/binary"
	"errors"

	"holdfast/cluster"
)

// The kinds of an encoded result: the first byte.
const (
	resultNil    = 0
	resultFalse  = 1
	resultTrue   = 2
	resultString = 3 // followed by the text
	resultNumber = 4 // followed by 8 bytes, big endian
	resultError  = 5 // followed by the code and the message

	resultTransaction = 6 // followed by the cluster.TransactionResult in msgpack
)

// EncodeResult makes what a leader sends back for a forwarded command: the value, or the error in its place.
func EncodeResult(value any, err error) []byte {
	if err != nil {
		return append([]byte{resultError, byte(cluster.CodeOf(err))}, err.Error()...)
	}
	switch v := value.(type) {
	case nil:
		return []byte{resultNil}
	case bool:
		if v {
			return []byte{resultTrue}
		}
		return []byte{resultFalse}
	case string:
		return append([]byte{resultString}, v...)
	case uint64:
		return binary.BigEndian.AppendUint64([]byte{resultNumber}, v)
	case *cluster.TransactionResult:
		if b, err := appendMsgpack([]byte{resultTransaction}, v); err == nil {
			return b
		}
	}
	return EncodeResult(nil, cluster.Errorf(cluster.Internal, "the request succeeded, but its result of type %T cannot be forwarded", value))
}

// errResult says that a member answered with bytes that this one cannot read. The command was applied.
var errResult = errors.New("the leader's answer cannot be read")

// DecodeResult gives back the value or the error. An error is a *cluster.Error of the code that it had.
func DecodeResult(b []byte) (any, error) {
	if len(b) == 0 {
		return nil, errResult
	}
	kind, rest := b[0], b[1:]
	switch {
	case kind == resultNil && len(rest) == 0:
		return nil, nil
	case kind == resultFalse && len(rest) == 0:
		return false, nil
	case kind == resultTrue && len(rest) == 0:
		return true, nil
	case kind == resultString:
		return string(rest), nil
	case kind == resultNumber && len(rest) == 8:
		return binary.BigEndian.Uint64(rest), nil
	case kind == resultTransaction:
		r := &cluster.TransactionResult{}
		if decodeMsgpack(rest, r) != nil {
			return nil, errResult
		}
		return r, nil
	case kind == resultError && len(rest) > 0:
		return nil, &cluster.Error{Code: cluster.Code(rest[0]), Message: string(rest[1:])}
	}
	return nil, errResult
}
