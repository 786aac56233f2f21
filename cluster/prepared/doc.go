// Package prepared is what prepared queries mean: how one is found and filled in for a name ([Resolve]), and which instances it selects, in
// which order ([Execute]). It is pure: a View and a query go in, instances come out, so that HTTP and DNS answer alike.
//
// A query is found by its ID, else by its exact name, else by the template with the longest name that the given name begins with. The strings
// of a template's Service may have parts in ${…}, which are filled in for the name that is asked for (see [Compile]).
//
// The reference is https://developer.hashicorp.com/consul/api-docs/query.
package prepared
