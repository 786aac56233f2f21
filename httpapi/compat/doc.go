// Package compat proves that programs written for Consul cannot tell the difference. Its tests start bin/holdfast under the name `consul`
// and drive it through what such programs use: the public Consul Go client, that client's own test suite, and programs themselves.
//
// It is a module of its own, so that no line of Consul's enters the module of the program. `make compat` builds the program and runs
// everything here. A test that needs a program which this machine lacks is skipped, and the run ends with a list of what was skipped and what
// to install for it.
//
// The client's own suite is testdata/client_suite.txt: every test of it that starts a server and concerns neither the service mesh, cluster
// peering nor Consul Enterprise. A line that begins with "!" is a test that is known to fail, with the reason. A test that fails without the
// mark is a regression; one that passes in spite of it is reported too, so that the list stays true.
package compat
