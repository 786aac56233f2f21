// Package check finds out whether a service or a machine is well. A Runner runs one check until its context ends and reports what it
// finds; thresholds stand between a probe's results and what is reported, so that a check that flaps need not move its status.
//
// Kinds: a program (args), here or in a Docker container, HTTP, TCP, UDP, gRPC, HTTP/2 ping, ICMP echo, a DNS question, MySQL and PostgreSQL
// with their role and lag, a systemd unit, a TTL that somebody must renew, and a process that is watched by event (pidfd), so that its death is seen in
// milliseconds rather than at the next poll. A program that hangs is ended at its timeout with everything that it has started (on Linux; elsewhere with its process group), daemons
// included; one that floods its output costs the bytes that are kept: the last ones, where an error stands.
//
// A report is not necessarily news: the same result may be reported again, and whoever takes it compares.
package check
