package echo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Serve is a machine's small service, on one port of every address that the machine has or gets. A UDP datagram is answered with the
// machine's name, from the address it was sent to: a Question with an Answer, anything else with the bare name and a new line. Over
// TCP it speaks HTTP: GET / is the name; GET /health is 200, or 503 after PUT /health/fail until PUT /health/pass. It calls
// began once every socket is open, and returns nil when ctx is done.
func Serve(ctx context.Context, port uint16, name string, began func() error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	addr := ":" + strconv.Itoa(int(port))
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("serve on TCP port %d: %w", port, err)
	}
	web := &http.Server{Handler: pages(name), ReadHeaderTimeout: 5 * time.Second}
	ended := make(chan error, 3)
	running := 1
	var conns []io.Closer
	defer func() {
		cancel()
		_ = web.Close()
		for range running {
			<-ended
		}
		for _, c := range conns {
			c.Close()
		}
	}()
	go func() { ended <- web.Serve(ln) }()
	for _, network := range []string{"udp4", "udp6"} {
		c, err := listenAnywhere(ctx, network, addr)
		if errors.Is(err, unix.EAFNOSUPPORT) {
			continue // no IPv6 here
		}
		if err != nil {
			return fmt.Errorf("serve on UDP port %d: %w", port, err)
		}
		conns = append(conns, c)
		running++
		go Steadily(func() { ended <- answerAll(ctx, c, name) })
	}
	if err := began(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return nil
	case err := <-ended:
		running--
		if ctx.Err() != nil {
			return nil // it has ended because of that
		}
		return fmt.Errorf("serve on port %d: %w", port, err)
	}
}

// pages is what the service says over HTTP.
func pages(name string) http.Handler {
	var failing atomic.Bool
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, name) })
	mux.HandleFunc("GET /health", func(w http.ResponseWriter, _ *http.Request) {
		if failing.Load() {
			http.Error(w, name+" was told to fail", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprintln(w, name, "is well")
	})
	mux.HandleFunc("PUT /health/fail", func(http.ResponseWriter, *http.Request) { failing.Store(true) })
	mux.HandleFunc("PUT /health/pass", func(http.ResponseWriter, *http.Request) { failing.Store(false) })
	return mux
}

// listenAnywhere is a UDP socket that learns to which address each datagram was sent.
func listenAnywhere(ctx context.Context, network, addr string) (*net.UDPConn, error) {
	level, option := unix.IPPROTO_IP, unix.IP_PKTINFO
	if network == "udp6" {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO
	}
	lc := net.ListenConfig{Control: func(_, _ string, raw syscall.RawConn) (err error) {
		ctlErr := raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, option, 1) })
		return errors.Join(ctlErr, err)
	}}
	c, err := lc.ListenPacket(ctx, network, addr)
	if err != nil {
		return nil, err
	}
	u := c.(*net.UDPConn)
	Roomy(u)
	return u, nil
}

// answerAll answers until ctx is done.
func answerAll(ctx context.Context, c *net.UDPConn, name string) error {
	raw, err := c.SyscallConn()
	if err != nil {
		return err
	}
	packet, oob := make([]byte, 2048), make([]byte, 256)
	var out []byte
	for ctx.Err() == nil {
		if !Readable(raw) {
			continue
		}
		n, oobn, _, from, err := c.ReadMsgUDPAddrPort(packet, oob)
		if err != nil {
			continue // an ICMP error for an earlier answer
		}
		out = append(append(out[:0], name...), '\n')
		if q, ok := ParseQuestion(packet[:n]); ok {
			out = Answer{Question: q, Machine: name, Sent: Monotonic()}.Append(out[:0])
		}
		_, _, _ = c.WriteMsgUDPAddrPort(out, fromWhereItWasAsked(oob[:oobn]), from) // refused when the address has just gone
	}
	return ctx.Err()
}

// fromWhereItWasAsked turns the control message of a datagram into that of its answer: the address it came to is the one that the
// answer comes from. The way back is the routing table's, except for link-local addresses, which mean nothing without an interface.
func fromWhereItWasAsked(oob []byte) []byte {
	messages, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		switch {
		case m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO && len(m.Data) >= unix.SizeofInet4Pktinfo:
			var info unix.Inet4Pktinfo
			copy(info.Spec_dst[:], m.Data[8:12]) // ipi_addr, the address in the packet
			return unix.PktInfo4(&info)
		case m.Header.Level == unix.IPPROTO_IPV6 && m.Header.Type == unix.IPV6_PKTINFO && len(m.Data) >= unix.SizeofInet6Pktinfo:
			var info unix.Inet6Pktinfo
			copy(info.Addr[:], m.Data[:16])
			if netip.AddrFrom16(info.Addr).IsLinkLocalUnicast() {
				return oob
			}
			return unix.PktInfo6(&info)
		}
	}
	return nil
}
