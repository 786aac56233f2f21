package vip

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"

	"github.com/mdlayher/socket"
	"github.com/vishvananda/netlink/nl"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Host carries managed addresses on this machine, in the network namespace
// where it was opened. Its methods may be called from several goroutines.
type Host struct {
	netlink  map[int]*nl.SocketHandle // one request socket, in the form nl wants
	packet   *socket.Conn             // sends ARP and ND by any interface, receives ARP
	icmp     *socket.Conn             // receives ND; nil where the kernel has no IPv6
	done     sync.WaitGroup           // of the two receiving goroutines
	hardware hardware

	mu        sync.Mutex // guards following
	listeners map[*listener]struct{}
	watchers  map[*watcher]struct{}
}

// New returns a Host, to be opened.
func New() *Host {
	return &Host{listeners: map[*listener]struct{}{}, watchers: map[*watcher]struct{}{}}
}

// Open makes the sockets and begins to listen for ARP and ND. It fails with
// one sentence if the process may not manage addresses here.
func (h *Host) Open() (err error) {
	defer func() {
		if err != nil {
			h.Close()
		}
	}()
	requests, err := nl.GetNetlinkSocketAt(netns.None(), netns.None(), unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink socket: %w", err)
	}
	h.netlink = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: {Socket: requests}}
	if err := requests.SetReceiveTimeout(&unix.Timeval{Sec: 5}); err != nil {
		return fmt.Errorf("open netlink socket: %w", err)
	}
	if err := requests.SetExtAck(true); err != nil {
		return fmt.Errorf("open netlink socket: %w", err)
	}
	if err := h.mayManage(); err != nil {
		return err
	}
	if h.packet, err = openPacket(); err != nil {
		return err
	}
	if h.icmp, err = openICMP(); err != nil {
		return err
	}
	h.done.Go(h.receiveARP)
	if h.icmp != nil {
		h.done.Go(h.receiveND)
	}
	return nil
}

// Close ends listening and closes the sockets. Addresses stay where they are
// until they are removed or run out.
func (h *Host) Close() error {
	var errs []error
	if h.packet != nil {
		errs = append(errs, h.packet.Close())
	}
	if h.icmp != nil {
		errs = append(errs, h.icmp.Close())
	}
	h.done.Wait()
	for _, s := range h.netlink {
		s.Close()
	}
	return errors.Join(errs...)
}

// mayManage asks for something that changes nothing and fails differently
// with the capability than without it.
func (h *Host) mayManage() error {
	nowhere := entry{index: 1<<31 - 1, prefix: single(netip.AddrFrom4([4]byte{192, 0, 2, 1}))}
	err := h.execute(nowhere.message(unix.RTM_DELADDR, 0, ""))
	if errors.Is(err, unix.EPERM) {
		return missing("CAP_NET_ADMIN")
	}
	return nil
}

// missing is the sentence for a capability that the process lacks.
func missing(capability string) error {
	return fmt.Errorf("virtual addresses need %s, which this process lacks: run it as root, "+
		"or set AmbientCapabilities=CAP_NET_ADMIN CAP_NET_RAW in its systemd unit", capability)
}

// execute sends a request over the host's socket and waits for its answer.
func (h *Host) execute(req *nl.NetlinkRequest) error {
	req.Sockets = h.netlink
	_, err := req.Execute(unix.NETLINK_ROUTE, 0)
	return err
}

// dump returns the bodies of the messages that answer req. The kernel says
// when a table changed under the dump; then it is read again.
func (h *Host) dump(kind int, answer uint16, body ...nl.NetlinkRequestData) ([][]byte, error) {
	for attempt := 0; ; attempt++ {
		req := nl.NewNetlinkRequest(kind, unix.NLM_F_DUMP)
		req.Data = body
		req.Sockets = h.netlink
		messages, err := req.Execute(unix.NETLINK_ROUTE, answer)
		if errors.Is(err, nl.ErrDumpInterrupted) && attempt < 10 {
			continue
		}
		return messages, err
	}
}
