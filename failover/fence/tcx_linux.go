package fence

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/cilium/ebpf"
	ebpflink "github.com/cilium/ebpf/link"
)

// tcx is the hook of Linux 6.6 and later. Programs are attached themselves, not
// through a bpf_link, which would take the fence away with the daemon.
type tcx struct{}

func (tcx) at(d direction) ebpf.AttachType {
	if d == ingress {
		return ebpf.AttachTCXIngress
	}
	return ebpf.AttachTCXEgress
}

// check says whether the kernel has the hook, by asking what is attached to lo.
func (t tcx) check() error {
	const lo = 1
	_, err := ebpflink.QueryPrograms(ebpflink.QueryOptions{Target: lo, Attach: t.at(ingress)})
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, ebpf.ErrNotSupported) {
		return errors.New("this kernel has no tcx, which came with Linux 6.6")
	}
	return err
}

func (t tcx) find(l link, d direction) ([]ebpf.ProgramID, error) {
	all, err := ebpflink.QueryPrograms(ebpflink.QueryOptions{Target: l.index, Attach: t.at(d)})
	if err != nil {
		return nil, err
	}
	var ours []ebpf.ProgramID
	for _, p := range all.Programs {
		named, err := isFenceProgram(p.ID, d)
		if err != nil {
			return nil, err
		}
		if named {
			ours = append(ours, p.ID)
		}
	}
	return ours, nil
}

func (t tcx) put(l link, d direction, prog *ebpf.Program, old ebpf.ProgramID) error {
	where := ebpflink.Head()
	if old != 0 {
		replaced, err := ebpf.NewProgramFromID(old)
		if err != nil {
			return fmt.Errorf("open program %d: %w", old, err)
		}
		defer replaced.Close()
		where = ebpflink.ReplaceProgram(replaced)
	}
	return ebpflink.RawAttachProgram(ebpflink.RawAttachProgramOptions{
		Target: l.index, Program: prog, Attach: t.at(d), Anchor: where,
	})
}

func (t tcx) drop(l link, d direction, id ebpf.ProgramID) error {
	prog, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return err
	}
	defer prog.Close()
	return ebpflink.RawDetachProgram(ebpflink.RawDetachProgramOptions{
		Target: l.index, Program: prog, Attach: t.at(d),
	})
}

// isFenceProgram says whether a program is a fence, by its name. A program that
// is gone by now is none.
func isFenceProgram(id ebpf.ProgramID, d direction) (bool, error) {
	prog, err := ebpf.NewProgramFromID(id)
	if errors.Is(err, syscall.ENOENT) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("open program %d: %w", id, err)
	}
	defer prog.Close()
	about, err := prog.Info()
	if err != nil {
		return false, fmt.Errorf("inspect program %d: %w", id, err)
	}
	return about.Name == d.programName(), nil
}
