package operator

import (
	"holdfast/cmd/holdfast/verb"
)

// Absent is the verbs of Consul that are not offered. Each says so in one sentence.
func Absent() []verb.Verb {
	const mesh = "Holdfast has no service mesh"
	var out []verb.Verb
	for _, a := range []struct{ name, why string }{
		{"acl", "Holdfast does not check tokens yet: keep the API on an address that only those reach who may use it"},
		{"login", "Holdfast does not check tokens yet, so there is nothing to log in to"},
		{"logout", "Holdfast does not check tokens yet, so there is nothing to log out of"},

		{"connect", mesh},
		{"config", mesh + ", which central configuration entries are for"},
		{"intention", mesh},
		{"peering", "clusters do not peer here"},
		{"troubleshoot", mesh + ", which it looks into"},
		{"resource", mesh + ", which its resources are of"},
		{"namespace", "Holdfast has no namespaces"},
		{"partition", "Holdfast has no partitions"},
		{"license", "Holdfast needs none"},
		{"exec", "Holdfast runs no commands on other machines: use ssh, or an event and a watch"},
	} {
		out = append(out, verb.NotOffered(a.name, a.why))
	}
	return out
}
