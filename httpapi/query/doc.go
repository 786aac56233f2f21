// Package query answers /v1/query/: prepared queries, which are kept under a name, and what they give.
//
// What a query means is package cluster/prepared's to say; here are its JSON forms and the endpoints.
//
// The reference is https://developer.hashicorp.com/consul/api-docs/query.
package query
