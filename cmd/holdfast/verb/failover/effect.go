package failover

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"holdfast/httpapi/group"
)

// placementRows are what the plan reads of a group beside service, prefer and preempt, as far as it is given.
func placementRows(g group.Group) [][2]string {
	var rows [][2]string
	add := func(name, value string) {
		if value != "" {
			rows = append(rows, [2]string{name, value})
		}
	}
	add("Preempt delay", g.PreemptDelay)
	add("Hold-down", g.HoldDown)
	add("Apart from", strings.Join(g.ApartFrom, ", "))
	add("Together with", strings.Join(g.TogetherWith, ", "))
	if g.Weight > 0 {
		add("Weight", strconv.Itoa(g.Weight))
	}
	add("Quorum lost", g.OnQuorumLoss)
	add("Conflict", g.OnConflict)
	return rows
}

// effectRows are what goes with the addresses of a group.
func effectRows(g group.Group) [][2]string {
	var rows [][2]string
	add := func(name string, parts ...string) {
		parts = slices.DeleteFunc(parts, func(p string) bool { return p == "" })
		rows = append(rows, [2]string{name, strings.Join(parts, " ")})
	}
	with := func(word, value string) string {
		if value == "" || value == "0" {
			return ""
		}
		return word + " " + value
	}
	for _, n := range slices.Sorted(maps.Keys(g.Sysctls)) {
		add("Sysctl", n, "=", g.Sysctls[n])
	}
	for _, r := range g.Runs {
		add("Run", r.Unit, strings.Join(r.Start, " "), with("and to stop", strings.Join(r.Stop, " ")), with("within", r.Timeout))
	}
	for _, r := range g.Routes {
		add("Route", r.Destination, with("via", r.Via), with("dev", r.Interface), with("table", strconv.Itoa(r.Table)), with("metric", strconv.Itoa(r.Metric)), with("src", r.Source))
	}
	for _, m := range g.Masquerades {
		add("Masquerade", m.Source, with("out of", m.Interface), with("to", m.To))
	}
	if g.Conntrack != "" {
		add("Connections", g.Conntrack)
	}
	for _, v := range g.Verify {
		add("Verify", with("tcp", v.TCP), with("http", v.HTTP), strings.Join(v.Args, " "), with("within", v.Within), with("each try", v.Timeout))
	}
	return rows
}
