// Package config reads what a user wrote for an agent: files in HCL or JSON, directories of them, and flags, in Consul's keys with a few
// of our own (group, failover). Later sources win; lists of blocks add up.
//
// A source is parsed into a File, in which every field may be absent; Merge lays one File over another; Build fills in the defaults and
// answers a Config, or one sentence that says which key of which file is wrong and what to do. Reading changes nothing on the machine.
package config
