package lab

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// What a filter program returns to the traffic control of the kernel (linux/pkt_cls.h).
const (
	tcPass = 0xffffffff // TC_ACT_UNSPEC: no opinion
	tcDrop = 2          // TC_ACT_SHOT
)

// dropFrom is the program for a switch port's way out: it drops frames that these machines have sent. It looks at the last four bytes
// of the source address alone, because the lab gives out addresses that differ there.
func dropFrom(sources []net.HardwareAddr) []bpf.Instruction {
	prog := []bpf.Instruction{bpf.LoadAbsolute{Off: 8, Size: 4}}
	for i, mac := range sources {
		toDrop := uint8(len(sources) - i) // over the rest of the tests and the pass
		prog = append(prog, bpf.JumpIf{Cond: bpf.JumpEqual, Val: binary.BigEndian.Uint32(mac[2:]), SkipTrue: toDrop})
	}
	return append(prog, bpf.RetConstant{Val: tcPass}, bpf.RetConstant{Val: tcDrop})
}

// dropAll is the program for a port behind which all is silent.
func dropAll() []bpf.Instruction { return []bpf.Instruction{bpf.RetConstant{Val: tcDrop}} }

// dropNone is the program for a healthy port.
func dropNone() []bpf.Instruction { return []bpf.Instruction{bpf.RetConstant{Val: tcPass}} }

// addClsact gives a port the two hooks that filters are put on.
func (s *segment) addClsact(port netlink.Link) error {
	err := s.netlink.QdiscAdd(&netlink.GenericQdisc{
		QdiscAttrs: netlink.QdiscAttrs{LinkIndex: port.Attrs().Index, Parent: netlink.HANDLE_CLSACT, Handle: netlink.MakeHandle(0xffff, 0)},
		QdiscType:  "clsact",
	})
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EOPNOTSUPP) {
		return fmt.Errorf("this kernel has no clsact queueing discipline, which the faults need (module sch_ingress, CONFIG_NET_SCH_INGRESS): %w", err)
	}
	return err
}

// setFilter puts a program on a hook of a port, in the place of the one that is there. It is a classic BPF program, the kind that
// socket filters are made of: it needs no right to the bpf system call, so it works in a user namespace.
func (s *segment) setFilter(port netlink.Link, hook uint32, prog []bpf.Instruction) error {
	raw, err := bpf.Assemble(prog)
	if err != nil {
		return fmt.Errorf("assemble a filter: %w", err)
	}
	ops := new(bytes.Buffer)
	for _, in := range raw { // struct sock_filter
		_ = binary.Write(ops, binary.NativeEndian, struct {
			Op     uint16
			Jt, Jf uint8
			K      uint32
		}{in.Op, in.Jt, in.Jf, in.K})
	}
	const prio, everyProtocol = 1, 0x0300 // ETH_P_ALL in network order
	req := nl.NewNetlinkRequest(unix.RTM_NEWTFILTER, unix.NLM_F_CREATE|unix.NLM_F_ACK)
	req.Sockets = s.raw
	req.AddData(&nl.TcMsg{
		Family:  unix.AF_UNSPEC,
		Ifindex: int32(port.Attrs().Index),
		Handle:  1,
		Parent:  hook,
		Info:    netlink.MakeHandle(prio, everyProtocol),
	})
	req.AddData(nl.NewRtAttr(nl.TCA_KIND, nl.ZeroTerminated("bpf")))
	options := nl.NewRtAttr(nl.TCA_OPTIONS, nil)
	options.AddRtAttr(nl.TCA_BPF_OPS_LEN, nl.Uint16Attr(uint16(len(raw))))
	options.AddRtAttr(nl.TCA_BPF_OPS, ops.Bytes())
	options.AddRtAttr(nl.TCA_BPF_FLAGS, nl.Uint32Attr(nl.TCA_BPF_FLAG_ACT_DIRECT))
	req.AddData(options)
	_, err = req.Execute(unix.NETLINK_ROUTE, 0)
	if errors.Is(err, unix.ENOENT) {
		return fmt.Errorf("this kernel has no BPF classifier, which the faults need (module cls_bpf, CONFIG_NET_CLS_BPF): %w", err)
	}
	return err
}
