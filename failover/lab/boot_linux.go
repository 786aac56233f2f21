package lab

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const haltTimeout = 10 * time.Second

// boot is one life of a machine, from power on to power off: its namespaces and the process that keeps them.
type boot struct {
	init     *exec.Cmd
	gone     chan struct{} // closed once init, and with it every process of the machine, has ended
	lifeline *os.File      // init ends when this is closed
	net      netns.NsHandle
	started  sync.WaitGroup // the goroutines that wait for processes which the lab has started here
	others   []*os.File     // UTS, PID and mount namespace, in the order in which a thread enters them
	netlink  *netlink.Handle
}

// start powers a machine on, without any cable yet.
func start(name string) (*boot, error) {
	b := &boot{gone: make(chan struct{}), net: netns.None()}
	reply, err := b.run(name)
	if err != nil {
		return nil, err
	}
	defer reply.Close()
	if err = awaitReady(reply); err == nil {
		err = b.open()
	}
	if err != nil {
		return nil, errors.Join(err, b.halt())
	}
	return b, nil
}

// run starts init in namespaces of its own. The goroutine that starts it keeps its thread until init has ended, because the
// kernel sends the parent-death signal when the starting thread, not the process, is gone.
func (b *boot) run(name string) (reply *os.File, err error) {
	if b.init, err = again(roleInit, name); err != nil {
		return nil, err
	}
	b.init.Args[0] = "holdfast-lab"
	in, lifeline, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer in.Close()
	reply, out, err := os.Pipe()
	if err != nil {
		lifeline.Close()
		return nil, err
	}
	defer out.Close()
	b.lifeline = lifeline
	b.init.Stdin, b.init.Stdout, b.init.Stderr = in, out, os.Stderr
	b.init.SysProcAttr = &unix.SysProcAttr{
		Cloneflags: unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWNS | unix.CLONE_NEWUTS,
		Setsid:     true, // a Ctrl-C on the terminal is for the lab, which then ends its machines
		Pdeathsig:  unix.SIGKILL,
	}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := b.init.Start()
		started <- err
		if err == nil {
			_ = b.init.Wait() // it is killed: its status says nothing
		}
		close(b.gone)
	}()
	if err := <-started; err != nil {
		lifeline.Close()
		reply.Close()
		return nil, fmt.Errorf("make the machine's namespaces: %w", err)
	}
	if _, err := fmt.Fprintln(lifeline, name); err != nil {
		reply.Close()
		return nil, errors.Join(fmt.Errorf("tell the machine its name: %w", err), b.halt())
	}
	return reply, nil
}

// open takes hold of the namespaces, so that they can be entered.
func (b *boot) open() error {
	proc := fmt.Sprintf("/proc/%d/ns/", b.init.Process.Pid)
	for _, kind := range []string{"uts", "pid", "mnt"} {
		f, err := os.Open(proc + kind)
		if err != nil {
			return err
		}
		b.others = append(b.others, f)
	}
	var err error
	if b.net, err = netns.GetFromPath(proc + "net"); err != nil {
		return err
	}
	if b.netlink, err = netlink.NewHandleAt(b.net, unix.NETLINK_ROUTE); err != nil {
		return fmt.Errorf("open netlink in the machine: %w", err)
	}
	lo, err := b.netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	return b.netlink.LinkSetUp(lo)
}

// enter puts the calling thread, which onThread made, into the machine. Processes that it then starts are the machine's.
func (b *boot) enter() error {
	if err := unix.Unshare(unix.CLONE_FS); err != nil { // the mount namespace is refused to threads that share a working directory
		return fmt.Errorf("leave the shared working directory: %w", err)
	}
	if err := netns.Set(b.net); err != nil {
		return fmt.Errorf("enter the machine's network: %w", err)
	}
	for _, f := range b.others {
		if err := unix.Setns(int(f.Fd()), 0); err != nil {
			return fmt.Errorf("enter the machine: %w", err)
		}
	}
	return nil
}

// kill sends every process of the machine SIGKILL, in one stroke: they end with their first process.
func (b *boot) kill() error {
	err := b.init.Process.Kill()
	if errors.Is(err, os.ErrProcessDone) {
		return nil
	}
	return err
}

// halt kills the machine, waits until it is gone, and lets go of its namespaces.
func (b *boot) halt() error {
	err := b.kill()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		<-b.gone
		b.started.Wait()
	}()
	select {
	case <-ended:
	case <-time.After(haltTimeout):
		err = errors.Join(err, fmt.Errorf("a process of the machine has not ended %s after SIGKILL", haltTimeout))
	}
	b.lifeline.Close()
	if b.netlink != nil {
		b.netlink.Close()
	}
	for _, f := range b.others {
		f.Close()
	}
	if b.net.IsOpen() {
		_ = b.net.Close()
	}
	return err
}
