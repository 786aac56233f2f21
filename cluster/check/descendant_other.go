//go:build !linux

package check

// offspring is the processes that one run of a program has started. Here its process group is all that is known of them.
type offspring struct{}

func newOffspring() *offspring { return &offspring{} }

// env is the environment that the program is to have: the agent's.
func (*offspring) env() []string { return nil }

// kill ends a program with its process group.
func (*offspring) kill(pid int) error { return killGroup(pid) }
