package dnsapi

import (
	"encoding/binary"

	"github.com/miekg/dns"
)

const (
	headerSize = 12
	fixedType  = 4 // type and class behind a name
	optSize    = 11
	flagsAsked = 1<<15 | 0xf<<11 | 1<<9 // QR, the opcode and TC, none of which an ordinary question has
	flagRD     = 1 << 8
	flagCD     = 1 << 4
	flagDO     = 1 << 15 // in an OPT record
	flagAnswer = 1<<15 | 1<<10
	flagRA     = 1 << 7
	flagTC     = 1 << 9
)

// question is a question as nearly all clients put it: one name of letters, digits, dashes and underscores, class IN, with EDNS0 or without.
// It points into the packet that it was read from.
type question struct {
	id    uint16
	flags uint16
	name  []byte // in wire form with the root's zero, letter case and all
	qtype uint16
	edns  bool
	size  uint16 // what the client can take, with EDNS0
	do    bool
}

// readQuestion reads a packet. What it does not take may be in order all the same: package dns has the last word.
func readQuestion(p []byte) (q question, ok bool) {
	if len(p) < headerSize {
		return q, false
	}
	q.id, q.flags = binary.BigEndian.Uint16(p), binary.BigEndian.Uint16(p[2:])
	if q.flags&flagsAsked != 0 || binary.BigEndian.Uint32(p[4:]) != 1<<16 || binary.BigEndian.Uint16(p[8:]) != 0 {
		return q, false
	}
	end := nameEnd(p[headerSize:])
	if end == 0 || len(p) < headerSize+end+fixedType {
		return q, false
	}
	q.name = p[headerSize : headerSize+end]
	rest := p[headerSize+end:]
	q.qtype = binary.BigEndian.Uint16(rest)
	if binary.BigEndian.Uint16(rest[2:]) != dns.ClassINET {
		return q, false
	}
	return q, q.readAdditional(rest[fixedType:], binary.BigEndian.Uint16(p[10:]))
}

// nameEnd is the length of the name that b begins with, 0 where it is not an ordinary one.
func nameEnd(b []byte) int {
	for i := 0; i < len(b) && i < maxName; {
		n := int(b[i])
		switch {
		case n == 0:
			return i + 1
		case n > 63 || i+1+n >= len(b):
			return 0
		}
		for _, c := range b[i+1 : i+1+n] {
			if !ordinary[c] {
				return 0
			}
		}
		i += 1 + n
	}
	return 0
}

// maxName is the longest name in wire form (RFC 1035 section 2.3.4).
const maxName = 255

// ordinary are the bytes of names that need no escape.
var ordinary = func() (t [256]bool) {
	for c := range t {
		b := byte(c)
		t[c] = 'a' <= b && b <= 'z' || 'A' <= b && b <= 'Z' || digit(b) || b == '-' || b == '_'
	}
	return t
}()

// readAdditional takes nothing, or one OPT record of version 0 whose options change no answer.
func (q *question) readAdditional(b []byte, records uint16) bool {
	if records == 0 {
		return len(b) == 0
	}
	if records != 1 || len(b) < optSize || b[0] != 0 || binary.BigEndian.Uint16(b[1:]) != dns.TypeOPT || b[5] != 0 || b[6] != 0 {
		return false
	}
	q.edns, q.size, q.do = true, binary.BigEndian.Uint16(b[3:]), binary.BigEndian.Uint16(b[7:])&flagDO != 0
	options := b[optSize:]
	if len(options) != int(binary.BigEndian.Uint16(b[9:])) {
		return false
	}
	for len(options) > 0 {
		if len(options) < 4 {
			return false
		}
		code, n := binary.BigEndian.Uint16(options), int(binary.BigEndian.Uint16(options[2:]))
		if code != dns.EDNS0COOKIE || n > len(options)-4 || n < 8 || n > 40 { // dig sends a cookie; who knows none passes over it (RFC 7873 section 5.2)
			return false
		}
		options = options[4+n:]
	}
	return true
}

// text is the name as package dns presents it, in lower case.
func (q *question) text() string {
	b := make([]byte, 0, len(q.name))
	for i := 0; q.name[i] != 0; {
		n := int(q.name[i])
		for _, c := range q.name[i+1 : i+1+n] {
			b = append(b, lower(c))
		}
		b, i = append(b, '.'), i+1+n
	}
	if len(b) == 0 {
		return "."
	}
	return string(b)
}

// appendKey appends what tells questions apart: the name in lower case, and the type.
func (q *question) appendKey(b []byte) []byte {
	for _, c := range q.name { // a length is at most 63, which no letter is
		b = append(b, lower(c))
	}
	return append(b, byte(q.qtype>>8), byte(q.qtype))
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// room is the room there is for the answer, over UDP.
func (q *question) room(c *Config) room {
	if q.edns && q.size > dns.MinMsgSize {
		return room{size: min(int(q.size), maxUDP)}
	}
	return room{size: dns.MinMsgSize, answers: c.UDPAnswerLimit}
}
