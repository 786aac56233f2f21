//go:build !race

package agent_test

const withoutVote = 50
