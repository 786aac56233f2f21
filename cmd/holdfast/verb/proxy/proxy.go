// Package proxy is the verbs about the proxies of an agent.
package proxy

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"holdfast/cmd/holdfast/verb"
	"holdfast/httpapi/proxy"
)

// Verb is `holdfast proxy`.
func Verb() verb.Verb {
	return verb.Verb{
		Name: "proxy", Args: "list|show", Short: "the proxies of an agent, and whom they pass to",
		Long: `A proxy passes TCP connections to the passing instances of a service, or to its one writer. It stands in a config file as

  proxy "db" {
    listen  = "10.77.0.100:3306" # also before the address is there
    service = "mysql"
    group   = "db"               # to the instance on the holder of this group
  }

With writer = "primary" it passes to the one instance that has this tag, or a passing check of this name. While there is none, clients are
held for hold = "10s". With mode = "http" it passes requests by host and path as the tags of services say (urlprefix-…), and ends TLS where
it has a tls block.`,
		Subs: []verb.Verb{
			{Name: "proxy list", Short: "list the proxies of the agent", Run: list, Examples: []string{"proxy list"}},
			{Name: "proxy show", Args: "PROXY", Short: "show a proxy: whom it passes to and why, and how much", Run: show, Examples: []string{"proxy show db"}},
		},
	}
}

func list(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	return verb.Read(ctx, c, fs, args, func() (string, url.Values, error) {
		return "/v1/failover/proxy", nil, verb.WantArgs(fs, 0, 0, "no arguments")
	}, func(c *verb.Console, all []proxy.Status) error {
		var rows [][]string
		for _, s := range all {
			offered := 0
			for _, b := range s.Backends {
				if b.State != "draining" {
					offered++
				}
			}
			rows = append(rows, []string{s.Name, strings.Join(s.Listen, ","), strconv.Itoa(offered), strconv.Itoa(s.Connections), strconv.Itoa(s.Held), strconv.FormatUint(s.Accepted, 10), strconv.FormatUint(s.TurnedAway, 10), verb.OrDash(s.Why)})
		}
		return verb.Table(c.Out, []string{"Proxy", "Listen", "Backends", "Connections", "Held", "Accepted", "Turned away", "Why"}, rows)
	})
}

func show(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	return verb.Read(ctx, c, fs, args, func() (string, url.Values, error) {
		return "/v1/failover/proxy/" + url.PathEscape(fs.Arg(0)), nil, verb.WantArgs(fs, 1, 1, "the name of a proxy")
	}, func(c *verb.Console, s proxy.Status) error {
		fmt.Fprintf(c.Out, "%s listens on %s (%s, %s): %s\n%d connections, %d of them held; %d accepted, %d turned away\n\n",
			s.Name, strings.Join(s.Listen, ", "), s.Mode, s.Balance, verb.OrDash(s.Why), s.Connections, s.Held, s.Accepted, s.TurnedAway)
		var rows [][]string
		for _, b := range s.Backends {
			epoch := "-"
			if b.Epoch > 0 {
				epoch = strconv.FormatUint(b.Epoch, 10)
			}
			rows = append(rows, []string{
				verb.OrDash(b.Route), b.ID, b.Address, epoch, strconv.Itoa(b.Weight), b.State, strconv.Itoa(b.Active), number(b.Opened), number(b.Failed), number(b.Cut), number(b.Sent), number(b.Received), verb.OrDash(b.LastError),
			})
		}
		return verb.Table(c.Out, []string{"Route", "Backend", "Address", "Epoch", "Weight", "State", "Active", "Opened", "Failed", "Cut", "Bytes to", "Bytes from", "Last error"}, rows)
	})
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }
