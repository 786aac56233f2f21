package message

import (
	"encoding/binary"
	"fmt"
	"slices"

	"holdfast/cluster"
)

const (
	// MaxKeys is the most gossip keys that a keyring has: the answer that lists them fits into a message.
	MaxKeys = 48

	maxKey    = 32
	maxReason = 256 // bytes of a failure
)

// KeyRequest asks one member for an operation on its keyring.
type KeyRequest struct {
	ID   uint64 // tells the answer
	From string // who asks
	Op   cluster.KeyOp
	Key  []byte
}

// KeyAnswer is the answer to it.
type KeyAnswer struct {
	ID      uint64
	Failure string // "" for none; what is too long is cut
	Keys    [][]byte
}

// Encode is the request as a message.
func (r KeyRequest) Encode() []byte {
	b := binary.AppendUvarint([]byte{keyRequestMessage}, r.ID)
	return appendBytes(append(appendBytes(b, r.From), byte(r.Op)), r.Key)
}

// decodeKeyRequest reads a request behind its first byte. It copies the key.
func decodeKeyRequest(b []byte) (KeyRequest, error) {
	r := reader{buf: b}
	q := KeyRequest{ID: r.uvarint(), From: r.string(MaxName), Op: cluster.KeyOp(r.byte()), Key: slices.Clone(r.bytes(maxKey))}
	switch {
	case r.err != nil:
		return KeyRequest{}, r.err
	case q.Op < cluster.ListKeys || q.Op > cluster.RemoveKey:
		return KeyRequest{}, fmt.Errorf("operation %d on keys is not known here", q.Op)
	}
	return q, CheckName(q.From)
}

// Encode is the answer as a message.
func (a KeyAnswer) Encode() []byte {
	b := binary.AppendUvarint([]byte{keyAnswerMessage}, a.ID)
	b = appendBytes(b, a.Failure[:min(len(a.Failure), maxReason)])
	b = binary.AppendUvarint(b, uint64(len(a.Keys)))
	for _, k := range a.Keys {
		b = appendBytes(b, k)
	}
	return b
}

// decodeKeyAnswer reads an answer behind its first byte. It copies the keys.
func decodeKeyAnswer(b []byte) (KeyAnswer, error) {
	r := reader{buf: b}
	a := KeyAnswer{ID: r.uvarint(), Failure: r.string(maxReason)}
	for range r.count() {
		a.Keys = append(a.Keys, slices.Clone(r.bytes(maxKey)))
	}
	if r.err != nil {
		return KeyAnswer{}, r.err
	}
	return a, nil
}
