// Package wire has the JSON forms of the catalog's records that several families of the API share: what is shown (Node, Service, Check,
// Instance), made by the From functions, and what clients send (ServiceInput, CheckInput).
//
// The reference is https://developer.hashicorp.com/consul/api-docs/catalog and …/health.
package wire
