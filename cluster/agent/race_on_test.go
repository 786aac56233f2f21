//go:build race

package agent_test

const withoutVote = 15 // the race detector makes each agent ten times as dear
