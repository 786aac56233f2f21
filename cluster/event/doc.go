// Package event is what an agent does with user events: the form in which they travel by gossip, whether one is meant for this agent, and
// the newest of those that were.
//
// An event is meant for an agent whose node name matches the node filter, and which has a registered service whose name matches the
// service filter and of whose tags one matches the tag filter, as far as the filters are given. Each agent decides that for itself, with
// the services that it has registered when the event arrives.
//
// A Ring keeps the newest events in the order of their arrival, which may differ from agent to agent. Nothing is kept on disk: an event
// is news, and whoever must not miss something keeps it in the KV store.
package event
