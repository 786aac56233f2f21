// Command holdfast keeps the addresses and the services of a small cluster alive: one binary on each of three machines.
//
// `holdfast agent` is the daemon; every other verb is a client of its HTTP API, or, like demo and validate, stands alone. `holdfast help`
// lists them. The verbs that stand alone are files of this package, the clients packages below verb.
package main

import (
	"context"
	"os"
	"path/filepath"
	"slices"

	"holdfast/cmd/holdfast/verb"
	"holdfast/cmd/holdfast/verb/agent"
	"holdfast/cmd/holdfast/verb/catalog"
	"holdfast/cmd/holdfast/verb/certificate"
	"holdfast/cmd/holdfast/verb/completion"
	"holdfast/cmd/holdfast/verb/failover"
	"holdfast/cmd/holdfast/verb/kv"
	"holdfast/cmd/holdfast/verb/lock"
	"holdfast/cmd/holdfast/verb/machine"
	"holdfast/cmd/holdfast/verb/member"
	"holdfast/cmd/holdfast/verb/migrate"
	"holdfast/cmd/holdfast/verb/operator"
	"holdfast/cmd/holdfast/verb/proxy"
	"holdfast/cmd/holdfast/verb/snapshot"
	"holdfast/cmd/holdfast/verb/template"
	"holdfast/cmd/holdfast/verb/watch"
	"holdfast/failover/lab"
)

func main() {
	lab.Child() // the demo's machines start this program for their own purposes
	os.Exit(runProcess())
}

// runProcess carries out the command line of this process.
func runProcess() int {
	c := &verb.Console{In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Env: os.Getenv, Name: filepath.Base(os.Args[0])}
	return verb.Run(context.Background(), c, verbs(), os.Args[1:])
}

// verbs is the whole command line, in the order of the help.
func verbs() []verb.Verb {
	return slices.Concat(
		[]verb.Verb{agentVerb(), validateVerb()},
		member.Verbs(), failover.Verbs(),
		[]verb.Verb{proxy.Verb()},
		agent.Verbs(),
		[]verb.Verb{kv.Verb(), watch.Verb(), template.Verb(), lock.Verb(), catalog.Verb(), snapshot.Verb()},
		operator.Verbs(), machine.Verbs(),
		certificate.Verbs(), []verb.Verb{migrate.Verb()},
		[]verb.Verb{demoVerb(), completion.Verb(verbs), versionVerb(), keeperVerb()},
		operator.Absent(),
	)
}
