package migrate

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"holdfast/cmd/holdfast/verb/migrate/disk"
)

// Checks that stand for maintenance.
const (
	nodeMaintenance    = "_node_maintenance"
	serviceMaintenance = "_service_maintenance:"
)

// local is what an agent looks after: its services and checks by ID, as the API shows them.
type local struct {
	services, checks map[string]map[string]any
	where            string        // what they were read from, "the API" say
	dir              *disk.DataDir // where programs' registrations are kept whole; nil if it is not known
}

// service is one to be registered with the agent.
type service struct {
	body        map[string]any // of agent/service/register
	maintenance *string        // why it is out of service; nil if it is not
}

// runsPrograms is whether a check of it does.
func (s *service) runsPrograms() bool {
	checks, _ := s.body["Checks"].([]any)
	return slices.ContainsFunc(checks, func(c any) bool {
		check, _ := c.(map[string]any)
		return check["ScriptArgs"] != nil
	})
}

func (s *service) id() string {
	id, _ := s.body["ID"].(string)
	return id
}

// takeAgent takes the services and checks of an agent whose checks are known. Without a check a service would count as healthy, so it is
// rather left out.
func (inv *inventory) takeAgent(l *local) {
	if l.dir != nil { // it is newer than a snapshot, but for the states of checks
		kept := ofDataDir(l.dir)
		l.services, l.checks = union(kept.services, l.services), union(l.checks, kept.checks)
	}
	var fromConfig []string
	for _, id := range slices.Sorted(maps.Keys(l.services)) {
		s := l.services[id]
		kind, _ := s["Kind"].(string)
		switch {
		case id == "consul":
		case kind != "":
			inv.omit("service %s of kind %s: Holdfast has no service mesh", id, kind)
		case l.dir != nil && !slices.ContainsFunc(l.dir.Services, func(kept map[string]any) bool { return kept["ID"] == id }):
			fromConfig = append(fromConfig, "service "+id)
		default:
			inv.takeService(l, id)
		}
	}
	for _, id := range slices.Sorted(maps.Keys(l.checks)) {
		of, _ := l.checks[id]["ServiceID"].(string)
		alone := of == "" || slices.Contains(fromConfig, "service "+of) // its service is here already
		if !alone || id == serfHealth || strings.HasPrefix(id, serviceMaintenance) {
			continue
		}
		if id == nodeMaintenance {
			inv.omit("the machine's maintenance (%v): take this one out of service with holdfast maint -enable", l.checks[id]["Notes"])
			continue
		}
		def, ok := l.definition(id)
		switch {
		case ok:
			check := checkBody(def, id, l.checks[id])
			check["ID"], check["ServiceID"] = id, of
			delete(check, "CheckID")
			inv.checks = append(inv.checks, pick(check, slices.Collect(maps.Keys(check))...))
		case l.dir != nil && of == "":
			fromConfig = append(fromConfig, "check "+id)
		case l.dir == nil:
			inv.omit("check %s of the machine: %s does not tell what it does: take it from the agent's config files, or give its data directory with -data-dir", id, l.where)
		}
	}
	if len(fromConfig) > 0 {
		inv.omit("%s: config files define them: give the agent here the same files", strings.Join(fromConfig, ", "))
	}
}

// takeService takes one service with its checks.
func (inv *inventory) takeService(l *local, id string) {
	from := l.services[id]
	s := service{body: pick(from, "ID", "Tags", "Address", "TaggedAddresses", "Meta", "Port", "SocketPath", "Weights", "EnableTagOverride")}
	s.body["Name"] = from["Service"]
	var checks []any
	var unknown []string
	for _, check := range slices.Sorted(maps.Keys(l.checks)) {
		c := l.checks[check]
		if of, _ := c["ServiceID"].(string); of != id {
			continue
		}
		if strings.HasPrefix(check, serviceMaintenance) {
			why, _ := c["Notes"].(string)
			s.maintenance = &why
			continue
		}
		def, ok := l.definition(check)
		if !ok {
			kind, _ := c["Type"].(string)
			unknown = append(unknown, strings.TrimSpace(check+" "+kind))
			continue
		}
		checks = append(checks, checkBody(def, check, c))
	}
	switch {
	case len(unknown) > 0 && l.dir != nil:
		inv.omit("service %s: config files define some of its checks (%s), and without them it would count as healthy: define it there, too", id, strings.Join(unknown, ", "))
		return
	case len(unknown) > 0:
		inv.omit("service %s: %s does not tell what its checks do (%s), and without them it would count as healthy: give the agent's data directory with -data-dir, "+
			"or take it from the agent's config files", id, l.where, strings.Join(unknown, ", "))
		return
	case len(checks) > 0:
		s.body["Checks"] = checks
	}
	inv.services = append(inv.services, s)
}

// probes are the fields of a check's definition that say what it does.
var probes = []string{"HTTP", "TCP", "UDP", "GRPC", "H2PING", "OSService", "TTL", "AliasService", "AliasNode", "ScriptArgs", "DockerContainerID"}

// definition is what a check does, if that is known.
func (l *local) definition(id string) (map[string]any, bool) {
	if l.dir != nil {
		i := slices.IndexFunc(l.dir.Checks, func(c disk.Check) bool { return c.ID == id })
		if i < 0 {
			return nil, false
		}
		def := l.dir.Checks[i].Definition
		return def, len(pick(def, probes...)) > 0
	}
	def, _ := l.checks[id]["Definition"].(map[string]any)
	return def, len(pick(def, probes...)) > 0
}

// checkBody is a check of a service as agent/service/register takes it.
func checkBody(def map[string]any, id string, shown map[string]any) map[string]any {
	out := pick(def, append([]string{
		"Header", "Method", "Body", "TLSServerName", "TLSSkipVerify", "DisableRedirects", "TCPUseTLS", "GRPCUseTLS", "Interval", "Timeout", "Shell", "SuccessBeforePassing",
		"FailuresBeforeWarning", "FailuresBeforeCritical", "DeregisterCriticalServiceAfter", "OutputMaxSize",
	}, probes...)...)
	if tls, ok := def["H2PingUseTLS"].(bool); ok && out["H2PING"] != nil {
		out["H2PingUseTLS"] = tls // absent means true
	}
	out["CheckID"] = id
	for _, field := range []string{"Name", "Notes", "Status"} {
		if !nothing(shown[field]) {
			out[field] = shown[field]
		}
	}
	return out
}

// union is a with what only b has.
func union(a, b map[string]map[string]any) map[string]map[string]any {
	out := maps.Clone(b)
	maps.Copy(out, a)
	return out
}

// ofDataDir is what an agent's data directory alone says that it looks after.
func ofDataDir(d *disk.DataDir) *local {
	l := &local{services: map[string]map[string]any{}, checks: map[string]map[string]any{}, where: "its data directory", dir: d}
	for _, s := range d.Services {
		l.services[s["ID"].(string)] = s //nolint:errcheck,forcetypeassert // ReadDataDir holds that it is one
	}
	for _, c := range d.Checks {
		l.checks[c.ID] = map[string]any{"CheckID": c.ID, "Name": c.Name, "Notes": c.Notes, "ServiceID": c.ServiceID, "Status": c.Status}
	}
	return l
}

// readDataDir reads the data directory that -data-dir names, nil if it names none. It must be that of the agent with this node ID, if both are known.
func (o *options) readDataDir(nodeID string) (*disk.DataDir, error) {
	if o.dataDir == "" {
		return nil, nil //nolint:nilnil // none is wanted
	}
	d, err := disk.ReadDataDir(o.dataDir, time.Now())
	if err == nil && d.NodeID != "" && nodeID != "" && d.NodeID != nodeID {
		err = fmt.Errorf("-data-dir: %s is of the agent with the node ID %s, and the one asked has %s", o.dataDir, d.NodeID, nodeID)
	}
	return d, err
}
