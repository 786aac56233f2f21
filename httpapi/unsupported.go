package httpapi

import (
	"net/http"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// unsupportedRoutes are the parts of Consul's API that Holdfast leaves out: the mesh, peering and what belongs to Consul Enterprise; and
// those about access rules, which nothing checks yet.
func unsupportedRoutes() exchange.Routes {
	rs := exchange.Routes{}
	for what, paths := range map[string][]string{
		"part of the service mesh": {
			"/v1/connect/", "/v1/config", "/v1/config/", "/v1/discovery-chain/", "/v1/agent/connect/", "/v1/health/connect/",
			"/v1/health/ingress/", "/v1/catalog/connect/", "/v1/catalog/gateway-services/", "/v1/exported-services", "/v1/imported-services",
		},
		"part of cluster peering":   {"/v1/peering", "/v1/peering/", "/v1/peerings"},
		"part of Consul Enterprise": {"/v1/namespace", "/v1/namespace/", "/v1/namespaces", "/v1/partition", "/v1/partition/", "/v1/partitions", "/v1/operator/area", "/v1/operator/area/", "/v1/operator/license", "/v1/operator/segment"},
	} {
		refuse := func(r *exchange.Request) (*exchange.Reply, error) {
			return nil, cluster.Errorf(cluster.Unsupported, "%s is %s, which Holdfast leaves out", r.URL.Path, what)
		}
		for _, p := range paths {
			rs[p] = exchange.Methods{http.MethodGet: refuse, http.MethodPut: refuse, http.MethodPost: refuse, http.MethodDelete: refuse}
		}
	}
	disabled := func(*exchange.Request) (*exchange.Reply, error) { return nil, exchange.ErrACLDisabled }
	for _, p := range []string{"/v1/acl/", "/v1/agent/token/"} {
		rs[p] = exchange.Methods{http.MethodGet: disabled, http.MethodPut: disabled, http.MethodPost: disabled, http.MethodDelete: disabled}
	}
	return rs
}
