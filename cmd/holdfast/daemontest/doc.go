// Package daemontest holds what the tests with real daemons share: a Cluster of processes on loopback addresses of their own that can
// be killed, frozen and started again, a KV client that says what is certain about a request that failed, a Workload of concurrent
// clients, and a History of what they saw, which is checked for linearizability.
//
// What a failed write means decides whether a check has teeth, so it stands in one place (Failure): "certainly not done" is taken at its
// word, and a member that said so and did it all the same is found out.
package daemontest
