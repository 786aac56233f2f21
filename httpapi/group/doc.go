// Package group answers /v1/failover/, which is Holdfast's own: the groups of addresses, where they are and why, and what would be
// decided. Its JSON types are exported, for the verbs of the command line read the same answers.
package group
