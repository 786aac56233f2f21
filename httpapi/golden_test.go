package httpapi

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestGolden holds every reply, headers and all, as documents for whoever reads the API's code or writes a client.
func TestGolden(t *testing.T) {
	for name, line := range map[string]string{
		"kv_get":                        "GET /v1/kv/a",
		"kv_get_locked":                 "GET /v1/kv/a/lock",
		"kv_get_missing":                "GET /v1/kv/none",
		"kv_get_raw":                    "GET /v1/kv/a?raw",
		"kv_recurse":                    "GET /v1/kv/?recurse",
		"kv_keys":                       "GET /v1/kv/?keys&separator=/",
		"catalog_datacenters":           "GET /v1/catalog/datacenters",
		"catalog_nodes":                 "GET /v1/catalog/nodes",
		"catalog_services":              "GET /v1/catalog/services",
		"catalog_service":               "GET /v1/catalog/service/web",
		"catalog_service_unknown":       "GET /v1/catalog/service/none",
		"catalog_node":                  "GET /v1/catalog/node/n1",
		"catalog_node_unknown":          "GET /v1/catalog/node/none",
		"catalog_node_services":         "GET /v1/catalog/node-services/n1",
		"catalog_node_services_unknown": "GET /v1/catalog/node-services/none",
		"health_service":                "GET /v1/health/service/web?stale",
		"health_service_passing":        "GET /v1/health/service/web?passing&tag=primary",
		"health_service_unknown":        "GET /v1/health/service/none?consistent",
		"health_node":                   "GET /v1/health/node/n1",
		"health_checks":                 "GET /v1/health/checks/web",
		"health_state":                  "GET /v1/health/state/warning",
		"query_list":                    "GET /v1/query",
		"query_get":                     "GET /v1/query/00000000-0000-0000-0000-00000000000b",
		"query_execute":                 "GET /v1/query/nearest-web/execute",
		"query_execute_template":        "GET /v1/query/any-web/execute",
		"query_explain":                 "GET /v1/query/any-web/explain",
		"query_unknown":                 "GET /v1/query/00000000-0000-0000-0000-00000000000d",
		"coordinate_nodes":              "GET /v1/coordinate/nodes",
		"coordinate_node":               "GET /v1/coordinate/node/N2",
		"coordinate_node_unknown":       "GET /v1/coordinate/node/none",
		"coordinate_datacenters":        "GET /v1/coordinate/datacenters",
		"agent_members":                 "GET /v1/agent/members",
		"agent_members_wan":             "GET /v1/agent/members?wan=1",
		"agent_services":                "GET /v1/agent/services",
		"agent_service":                 "GET /v1/agent/service/web-1",
		"agent_checks":                  "GET /v1/agent/checks",
		"agent_health_id":               "GET /v1/agent/health/service/id/web-1",
		"agent_health_name":             "GET /v1/agent/health/service/name/web",
		"agent_metrics":                 "GET /v1/agent/metrics",
		"agent_metrics_text":            "GET /v1/agent/metrics?format=prometheus",
		"agent_version":                 "GET /v1/agent/version",
		"agent_watches":                 "GET /v1/agent/watches",
		"event_list":                    "GET /v1/event/list",
		"event_list_none":               "GET /v1/event/list?name=none",
		"session_list":                  "GET /v1/session/list",
		"session_info":                  "GET /v1/session/info/00000000-0000-0000-0000-00000000000a",
		"session_info_unknown":          "GET /v1/session/info/none",
		"session_node":                  "GET /v1/session/node/n1",
		"session_create":                "PUT /v1/session/create {}",
		"session_destroy":               "PUT /v1/session/destroy/00000000-0000-0000-0000-00000000000a",
		"catalog_register":              "PUT /v1/catalog/register " + `{"Node":"ext","Address":"10.1.1.1","Service":{"Service":"db","Port":5432}}`,
		"kv_put_cas":                    "PUT /v1/kv/a?cas=1 x",
		"query_create":                  "POST /v1/query " + `{"Name":"q","Service":{"Service":"web"}}`,
		"failover_move":                 "PUT /v1/failover/group/gateway/move?to=n2",
		"event_fire":                    "PUT /v1/event/fire/deploy v2",
		"session_renew":                 "PUT /v1/session/renew/00000000-0000-0000-0000-00000000000a",
		"txn": "PUT /v1/txn " + `[{"KV":{"Verb":"set","Key":"t","Value":"dA=="}},{"KV":{"Verb":"get","Key":"t"}},{"Node":{"Verb":"get","Node":{"Node":"n1"}}},` +
			`{"Service":{"Verb":"get","Node":"n1","Service":{"ID":"web-1"}}},{"Check":{"Verb":"get","Check":{"Node":"n1","CheckID":"serfHealth"}}},{"KV":{"Verb":"delete","Key":"t"}}]`,
		"txn_read":           "PUT /v1/txn " + `[{"KV":{"Verb":"get","Key":"a"}},{"KV":{"Verb":"check-session","Key":"a/lock","Session":"00000000-0000-0000-0000-00000000000a"}}]`,
		"txn_failed":         "PUT /v1/txn " + `[{"KV":{"Verb":"get","Key":"none"}},{"KV":{"Verb":"set","Key":"a"}},{"KV":{"Verb":"check-index","Key":"a","Index":1}}]`,
		"status_leader":      "GET /v1/status/leader",
		"status_peers":       "GET /v1/status/peers",
		"connect_ca_roots":   "GET /v1/agent/connect/ca/roots",
		"operator_raft":      "GET /v1/operator/raft/configuration",
		"operator_autopilot": "GET /v1/operator/autopilot/configuration",
		"operator_health":    "GET /v1/operator/autopilot/health",
		"operator_state":     "GET /v1/operator/autopilot/state",
		"operator_keyring":   "GET /v1/operator/keyring",
		"operator_usage":     "GET /v1/operator/usage?stale",
		"failover_groups":    "GET /v1/failover/groups",
		"failover_group":     "GET /v1/failover/group/gateway",
		"failover_plan":      "GET /v1/failover/plan",
		"failover_explain":   "GET /v1/failover/explain/gateway",
		"failover_timeline":  "GET /v1/failover/timeline",
		"failover_status":    "GET /v1/failover/status",
		"failover_templates": "GET /v1/failover/templates",
		"failover_proxies":   "GET /v1/failover/proxy",
		"failover_proxy":     "GET /v1/failover/proxy/db",
	} {
		t.Run(name, func(t *testing.T) {
			method, rest, _ := strings.Cut(line, " ")
			target, body, _ := strings.Cut(rest, " ")
			if strings.Contains(target, "?") {
				target += "&pretty"
			} else {
				target += "?pretty"
			}
			m := newMember().populate(t)
			if strings.HasPrefix(name, "operator_") || strings.HasPrefix(name, "connect_") {
				m.look(t)
			}
			w := send(t, m.handler(), method+" "+target, body)
			var b strings.Builder
			fmt.Fprintf(&b, "%s\n%d\n", strings.TrimSpace(method+" "+target+" "+body), w.Code)
			for _, k := range slices.Sorted(maps.Keys(w.Header())) {
				fmt.Fprintf(&b, "%s: %s\n", k, strings.Join(w.Header()[k], ", "))
			}
			fmt.Fprintf(&b, "\n%s", w.Body)
			golden(t, name+".txt", b.String())
		})
	}
}
