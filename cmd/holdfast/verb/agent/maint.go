package agent

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"holdfast/cmd/holdfast/verb"
)

func maintVerb() verb.Verb {
	return verb.Verb{
		Name: "maint", Short: "take this machine, or one service on it, out of service for a while", Run: runMaint,
		Long: "A critical check keeps clients away, and a machine in maintenance gives its groups to the others. It stays so over restarts until -disable. " +
			"Without flags it lists what is in maintenance.\n\n" +
			"    holdfast maint -enable -reason 'new disk'\n    holdfast maint -service=web1 -enable\n    holdfast maint\n    holdfast maint -disable",
	}
}

// maint is what the flags of maint say.
type maint struct {
	enable, disable bool
	service, reason string
}

func runMaint(ctx context.Context, c *verb.Console, args []string) error {
	fs := c.Flags()
	var m maint
	fs.BoolVar(&m.enable, "enable", false, "begin maintenance")
	fs.BoolVar(&m.disable, "disable", false, "end it")
	fs.StringVar(&m.service, "service", "", "`ID` of a service of this agent; without it, the machine")
	fs.StringVar(&m.reason, "reason", "", "`text` that says why; with -enable")
	cl, err := verb.Connect(c, fs, args, 0, 0, "no arguments")
	if err != nil {
		return err
	}
	switch {
	case m.enable && m.disable:
		return verb.UsageError("-enable and -disable contradict each other: give one of them")
	case m.reason != "" && !m.enable:
		return verb.UsageError("-reason goes with -enable")
	case m.service != "" && !m.enable && !m.disable:
		return verb.UsageError("-service wants -enable or -disable")
	case !m.enable && !m.disable:
		return listMaintenance(ctx, c, cl)
	}
	at, what, done := "/v1/agent/maintenance", "Node maintenance is now %s\n", "disabled"
	if m.enable {
		done = "enabled"
	}
	if m.service != "" {
		at = "/v1/agent/service/maintenance/" + url.PathEscape(m.service)
		what = "Service maintenance is now %s for " + strings.ReplaceAll(strconv.Quote(m.service), "%", "%%") + "\n"
	}
	q := url.Values{"enable": {strconv.FormatBool(m.enable)}}
	if m.reason != "" {
		q.Set("reason", m.reason)
	}
	if err := cl.Do(ctx, http.MethodPut, at, q, nil, nil); err != nil {
		return err
	}
	_, err = fmt.Fprintf(c.Out, what, done)
	return err
}

// listMaintenance prints the machine and the services that are in maintenance.
func listMaintenance(ctx context.Context, c *verb.Console, cl *verb.Client) error {
	var checks map[string]struct{ Node, CheckID, Notes, ServiceID string }
	if err := cl.Do(ctx, http.MethodGet, "/v1/agent/checks", nil, nil, &checks); err != nil {
		return err
	}
	for _, id := range slices.Sorted(maps.Keys(checks)) {
		check := checks[id]
		switch {
		case check.CheckID == "_node_maintenance":
			fmt.Fprintf(c.Out, "Node:\n  Name:   %s\n  Reason: %s\n\n", check.Node, check.Notes)
		case strings.HasPrefix(check.CheckID, "_service_maintenance:"):
			fmt.Fprintf(c.Out, "Service:\n  ID:     %s\n  Reason: %s\n\n", check.ServiceID, check.Notes)
		}
	}
	return nil
}
