//go:build linux

package lab

import (
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"
)

// TestServeAnswersFromWhereItIsAsked asks a service under each of its addresses, old and new, and checks who the answer comes from.
func TestServeAnswersFromWhereItIsAsked(t *testing.T) {
	l := openLab(t, Options{Machines: []string{"n1"}})
	m, ctx := l.Machine("n1"), testContext(t)
	_, err := m.Serve(ctx, DefaultPort)
	must(t, err)
	must(t, m.AddAddress(vip4)) // after the service has started
	must(t, m.AddAddress(vip6))
	linkLocal := netip.MustParseAddr("fe80::77:ff:fe00:b")
	must(t, l.Client().Do(func() error { // a zone by name would be looked up outside of the client
		ifi, err := net.InterfaceByName("eth0")
		if err == nil {
			linkLocal = linkLocal.WithZone(strconv.Itoa(ifi.Index))
		}
		return err
	}))
	for _, ip := range []netip.Addr{m.Addr(), m.Addr6(), vip4.Addr(), vip6.Addr(), linkLocal} {
		c, err := l.Client().ListenPacket(ctx, "udp", ":0")
		must(t, err)
		defer c.Close()
		b := make([]byte, 100)
		to := net.UDPAddrFromAddrPort(netip.AddrPortFrom(ip, DefaultPort))
		eventually(t, "an answer from "+ip.String(), func() bool {
			_, err := c.WriteTo([]byte("who are you?"), to)
			must(t, err)
			must(t, c.SetReadDeadline(time.Now().Add(200*time.Millisecond)))
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return false // an address is a moment in coming
			}
			if got := from.(*net.UDPAddr).AddrPort().Addr().Unmap().WithZone(""); got != ip.WithZone("") {
				t.Errorf("asked %s, answered from %s", ip, got)
			}
			if string(b[:n]) != "n1\n" {
				t.Errorf("%s says %q", ip, b[:n])
			}
			return true
		})
	}
}

// get is the status and body of a page, from the client.
func get(t *testing.T, m *Machine, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(testContext(t), http.MethodGet, url, nil)
	must(t, err)
	res, err := (&http.Transport{DialContext: m.Dial, DisableKeepAlives: true}).RoundTrip(req)
	must(t, err)
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	must(t, err)
	return res.StatusCode, strings.TrimSpace(string(b))
}

func TestServiceHealth(t *testing.T) {
	l := openLab(t, Options{Machines: []string{"n1"}})
	m, ctx := l.Machine("n1"), testContext(t)
	s, err := m.Serve(ctx, DefaultPort)
	must(t, err)
	base := "http://" + net.JoinHostPort(m.Addr().String(), strconv.Itoa(DefaultPort))
	expect := func(path string, status int, body string) {
		t.Helper()
		if gotStatus, got := get(t, l.Client(), base+path); gotStatus != status || got != body {
			t.Errorf("%s is %d %q, want %d %q", path, gotStatus, got, status, body)
		}
	}
	expect("/", http.StatusOK, "n1")
	expect("/health", http.StatusOK, "n1 is well")
	must(t, s.Fail(ctx))
	expect("/health", http.StatusServiceUnavailable, "n1 was told to fail")
	must(t, s.Pass(ctx))
	expect("/health", http.StatusOK, "n1 is well")
	expect("/elsewhere", http.StatusNotFound, "404 page not found")
	if _, err := m.Serve(ctx, DefaultPort); err == nil || !strings.Contains(err.Error(), "start the service of n1: serve on TCP port 7777: ") {
		t.Errorf("a second service on the port: %v", err)
	}
	must(t, s.Kill())
	_ = s.Wait(ctx)
	if err := s.Fail(ctx); err == nil {
		t.Error("a service that is dead can be told to fail")
	}
}
