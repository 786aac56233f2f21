// Package telemetry holds what the daemon counts and measures, for Prometheus and for Consul's own form.
//
// Our packages register their metrics with a Prometheus registerer that they are given. The libraries, raft and memberlist, speak
// go-metrics, which knows its metrics by strings: a [Sink] takes those in, at the cost of one look-up each, and is a collector among the
// others. So there is one registry, and both forms are made of it: Prometheus' with everything since the start, Consul's with the newest
// whole interval of ten seconds.
//
// Names are Consul's where programs look for them (consul_raft_apply, consul_runtime_alloc_bytes, consul_api_http); what only Holdfast
// has begins with holdfast_. Times are in milliseconds where the name is Consul's, else in seconds.
package telemetry
