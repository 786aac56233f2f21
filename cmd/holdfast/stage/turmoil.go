//go:build linux

package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"holdfast/cluster/pause"
)

// VIP4b is an address that the chaos gives and takes away.
var VIP4b = netip.MustParseAddr("10.77.0.101")

// callLimit bounds what an operator of the chaos waits for an answer; callAgain is for how long a refused call is tried again.
const (
	callLimit = 2 * time.Second
	callAgain = 3 * time.Second
)

// call is what an operator asks the daemon of a machine, below /v1/failover/.
type call struct {
	at, method, path string
	body             []byte
	text             string       // for people, "" for the method and the path
	group            string       // the group whose addresses it decides, "" for none
	vips             []netip.Addr // which those are then
}

func (x call) String() string {
	if x.text != "" {
		return x.text
	}
	return strings.ToLower(x.method) + " " + x.path
}

// put is the call that creates or changes a group with these addresses.
func put(at, group string, prefer []string, vips ...netip.Addr) call {
	type vip struct{ Address string }
	body := struct {
		VIPs    []vip
		Service string
		Prefer  []string
	}{Service: "web", Prefer: prefer}
	names := make([]string, 0, len(vips))
	for _, a := range vips {
		bits := 64
		if a.Is4() {
			bits = 24
		}
		body.VIPs = append(body.VIPs, vip{netip.PrefixFrom(a, bits).String()})
		names = append(names, a.String())
	}
	b, err := json.Marshal(body)
	if err != nil {
		panic(err) // strings and lists of strings are always JSON
	}
	return call{at, http.MethodPut, "group/" + group, b, fmt.Sprintf("put %s %v", group, names), group, vips}
}

func remove(at, group string) call {
	return call{at: at, method: http.MethodDelete, path: "group/" + group, group: group, vips: []netip.Addr{}}
}

// errMissing is the answer to a call about a group that does not exist.
var errMissing = errors.New("there is no such group")

// send makes one call.
func (s *Stage) send(ctx context.Context, x call) error {
	ctx, cancel := context.WithTimeout(ctx, callLimit)
	defer cancel()
	c := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return s.Lab.Machine(x.at).Dial(ctx, network, "127.0.0.1:8500")
		},
	}}
	req, err := http.NewRequestWithContext(ctx, x.method, "http://"+x.at+"/v1/failover/"+x.path, bytes.NewReader(x.body))
	if err != nil {
		return err
	}
	resp, err := c.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		return nil
	}
	b, _ := io.ReadAll(resp.Body) // the status alone says enough
	err = fmt.Errorf("%s: %s %s", x, resp.Status, b)
	if resp.StatusCode == http.StatusNotFound {
		err = fmt.Errorf("%w: %w", errMissing, err)
	}
	return err
}

// insist makes calls one after the other, each again and again until it is taken, or there is nothing to delete, or callAgain has passed.
func (s *Stage) insist(ctx context.Context, calls []call) error {
	ctx, cancel := context.WithTimeout(ctx, callAgain)
	defer cancel()
	for _, x := range calls {
		err := s.send(ctx, x)
		for err != nil && (x.method != http.MethodDelete || !errors.Is(err, errMissing)) {
			if !pause.For(ctx, 10*time.Millisecond) {
				return err
			}
			if again := s.send(ctx, x); again == nil || ctx.Err() == nil {
				err = again
			}
		}
	}
	return nil
}
