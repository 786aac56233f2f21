package vip

import (
	"encoding/binary"
	"iter"

	"golang.org/x/sys/unix"
)

// attributes goes over the attributes of a route netlink message; a malformed
// one ends it. (The netlink library's reader panics where the last attribute
// lacks its padding.)
func attributes(b []byte) iter.Seq2[uint16, []byte] {
	return func(yield func(uint16, []byte) bool) {
		for len(b) >= unix.SizeofRtAttr {
			length := int(binary.NativeEndian.Uint16(b))
			kind := binary.NativeEndian.Uint16(b[2:])
			if length < unix.SizeofRtAttr || length > len(b) {
				return
			}
			if !yield(kind, b[unix.SizeofRtAttr:length]) {
				return
			}
			padded := (length + unix.RTA_ALIGNTO - 1) &^ (unix.RTA_ALIGNTO - 1)
			b = b[min(padded, len(b)):]
		}
	}
}
