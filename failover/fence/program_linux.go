package fence

import (
	"fmt"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
)

// direction is the side of an interface on which a program runs.
type direction int

const (
	ingress direction = iota
	egress
)

// programName is how later daemons and bpftool find the programs.
func (d direction) programName() string {
	return [...]string{ingress: "holdfast_in", egress: "holdfast_out"}[d]
}

// What a program returns: tcx and clsact read these alike.
const (
	verdictNext = -1 // TC_ACT_UNSPEC, TCX_NEXT: none of our business, ask the next program
	verdictDrop = 2  // TC_ACT_SHOT, TCX_DROP
)

// Where things are on the stack of a program, below the frame pointer.
const (
	keyAt  = -16 // the address looked up, as a map key
	byteAt = -24 // scratch for header fields
)

// Numbers of the protocols that the programs look into.
const (
	etherIPv4, etherARP, etherIPv6 = 0x0800, 0x0806, 0x86dd
	etherVLAN, etherQinQ           = 0x8100, 0x88a8

	nextHopByHop, nextRouting, nextAuth = 0, 43, 51
	nextICMPv6, nextDestination         = 58, 60

	icmpSolicit, icmpAdvertise = 135, 136
)

// fenceProgram specifies the program for one direction of an interface whose
// packets begin with an Ethernet header (ether) or with the IP header. It reads
// with bpf_skb_load_bytes alone, so that packets in pieces are no special case,
// and passes what is too short to hold what it looks for.
func fenceProgram(d direction, ether bool, lease *ebpf.Map) *ebpf.ProgramSpec {
	a := &assembler{lease: lease}
	a.emit(asm.Mov.Reg(asm.R6, asm.R1)) // R6: the packet
	if ether {
		a.etherHeader()
	} else {
		a.bareHeader()
	}
	// R7: offset of the network header; R8: its protocol
	a.emit(
		asm.JEq.Imm(asm.R8, etherIPv4, "ipv4"),
		asm.JEq.Imm(asm.R8, etherIPv6, "ipv6"))
	if d == ingress {
		a.emit(asm.Ja.Label("pass"))
		a.ipv4("ipv4", 16) // destination
		a.label("ipv6")
		a.load(24, keyAt, 16) // destination
		a.dropIfClosed("pass")
	} else {
		a.emit(asm.JNE.Imm(asm.R8, etherARP, "pass"))
		a.ipv4("arp", 14)  // sender protocol address
		a.ipv4("ipv4", 12) // source
		a.label("ipv6")
		a.load(8, keyAt, 16) // source
		a.dropIfClosed("neighbour")
		a.label("neighbour")
		a.neighbourClaim()
	}
	a.label("pass")
	a.emit(asm.Mov.Imm(asm.R0, verdictNext), asm.Return())
	a.label("drop")
	a.emit(asm.Mov.Imm(asm.R0, verdictDrop), asm.Return())
	return &ebpf.ProgramSpec{
		Name:         d.programName(),
		Type:         ebpf.SchedCLS,
		License:      "Apache-2.0",
		Instructions: a.ins,
	}
}

// assembler appends instructions; a label names the next one.
type assembler struct {
	ins   asm.Instructions
	lease *ebpf.Map
	next  string
}

func (a *assembler) emit(ins ...asm.Instruction) {
	if a.next != "" {
		ins[0], a.next = ins[0].WithSymbol(a.next), ""
	}
	a.ins = append(a.ins, ins...)
}

func (a *assembler) label(name string) { a.next = name }

// load copies n bytes at an offset into the network header to the stack, or
// passes the packet if it ends before.
func (a *assembler) load(offset, stack, n int32) {
	a.emit(
		asm.Mov.Reg(asm.R1, asm.R6),
		asm.Mov.Reg(asm.R2, asm.R7),
		asm.Add.Imm(asm.R2, offset),
		asm.Mov.Reg(asm.R3, asm.RFP),
		asm.Add.Imm(asm.R3, stack),
		asm.Mov.Imm(asm.R4, n),
		asm.FnSkbLoadBytes.Call(),
		asm.JNE.Imm(asm.R0, 0, "pass"))
}

// etherHeader finds the protocol behind the Ethernet header and up to two VLAN
// tags: a closed address is closed under any tag. (A tag that the network card
// has taken off is not in the packet any more.)
func (a *assembler) etherHeader() {
	a.emit(asm.Mov.Imm(asm.R7, 12))
	for _, tag := range []string{"tag1", "tag2"} {
		a.etherType()
		a.emit(
			asm.JEq.Imm(asm.R8, etherVLAN, tag),
			asm.JEq.Imm(asm.R8, etherQinQ, tag),
			asm.Ja.Label("typed"))
		a.label(tag)
		a.emit(asm.Add.Imm(asm.R7, 4))
	}
	a.etherType()
	a.label("typed")
	a.emit(asm.Add.Imm(asm.R7, 2))
}

func (a *assembler) etherType() {
	a.load(0, byteAt, 2)
	a.emit(
		asm.LoadMem(asm.R8, asm.RFP, byteAt, asm.Half),
		asm.HostTo(asm.BE, asm.R8, asm.Half))
}

// bareHeader is for packets that begin with the IP header: what they are stands
// beside them, in __sk_buff.protocol.
func (a *assembler) bareHeader() {
	const skbProtocol = 16
	a.emit(
		asm.Mov.Imm(asm.R7, 0),
		asm.LoadMem(asm.R8, asm.R6, skbProtocol, asm.Word),
		asm.HostTo(asm.BE, asm.R8, asm.Half))
}

// ipv4 decides by the IPv4 address at an offset into the network header.
func (a *assembler) ipv4(label string, offset int32) {
	a.label(label)
	a.emit( // ::ffff:0.0.0.0
		asm.Mov.Imm(asm.R1, 0),
		asm.StoreMem(asm.RFP, keyAt, asm.R1, asm.DWord),
		asm.StoreImm(asm.RFP, keyAt+8, 0, asm.Half),
		asm.StoreImm(asm.RFP, keyAt+10, 0xffff, asm.Half))
	a.load(offset, keyAt+12, 4)
	a.dropIfClosed("pass")
}

// dropIfClosed drops the packet if the address at keyAt is closed, and goes on at
// the label if it is open or not managed.
func (a *assembler) dropIfClosed(otherwise string) {
	a.emit(
		asm.LoadMapPtr(asm.R1, a.lease.FD()),
		asm.Mov.Reg(asm.R2, asm.RFP),
		asm.Add.Imm(asm.R2, keyAt),
		asm.FnMapLookupElem.Call(),
		asm.JEq.Imm(asm.R0, 0, otherwise),
		asm.LoadMem(asm.R9, asm.R0, 0, asm.DWord),
		asm.FnKtimeGetBootNs.Call(),
		asm.JGE.Reg(asm.R0, asm.R9, "drop"),
		asm.Ja.Label(otherwise))
}

// neighbourClaim drops an ICMPv6 neighbour advertisement for a closed address. A
// solicitation asks and claims nothing: the probe for a foreign owner is one, from
// the unspecified address (RFC 4862 section 5.4). Neighbour discovery in fragments is void (RFC 6980), so the walk
// over the extension headers ends at a fragment header, or after the sixth.
func (a *assembler) neighbourClaim() {
	a.load(6, byteAt, 1)
	a.emit(
		asm.LoadMem(asm.R8, asm.RFP, byteAt, asm.Byte),
		asm.Add.Imm(asm.R7, 40))
	for i := range 6 {
		a.skipExtension(i)
	}
	a.emit(asm.JNE.Imm(asm.R8, nextICMPv6, "pass"))
	a.label("icmpv6")
	a.load(0, byteAt, 1)
	a.emit(
		asm.LoadMem(asm.R8, asm.RFP, byteAt, asm.Byte),
		asm.JNE.Imm(asm.R8, icmpAdvertise, "pass"))
	a.load(8, keyAt, 16) // target
	a.dropIfClosed("pass")
}

// skipExtension moves R7 and R8 over one IPv6 extension header, of which R8 is
// the kind, to the next.
func (a *assembler) skipExtension(i int) {
	options, auth, done := fmt.Sprint("options", i), fmt.Sprint("auth", i), fmt.Sprint("skipped", i)
	a.emit(
		asm.JEq.Imm(asm.R8, nextICMPv6, "icmpv6"),
		asm.JEq.Imm(asm.R8, nextHopByHop, options),
		asm.JEq.Imm(asm.R8, nextRouting, options),
		asm.JEq.Imm(asm.R8, nextDestination, options),
		asm.JEq.Imm(asm.R8, nextAuth, auth),
		asm.Ja.Label("pass"))
	a.extension(options, 1, 3) // (length + 1) * 8 bytes
	a.emit(asm.Ja.Label(done))
	a.extension(auth, 2, 2) // (length + 2) * 4 bytes
	a.label(done)
}

func (a *assembler) extension(label string, more, shift int32) {
	a.label(label)
	a.load(0, byteAt, 2)
	a.emit(
		asm.LoadMem(asm.R8, asm.RFP, byteAt, asm.Byte),
		asm.LoadMem(asm.R1, asm.RFP, byteAt+1, asm.Byte),
		asm.Add.Imm(asm.R1, more),
		asm.LSh.Imm(asm.R1, shift),
		asm.Add.Reg(asm.R7, asm.R1))
}
