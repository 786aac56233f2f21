// Package event answers /v1/event/: firing user events, and the newest of those that came to this agent.
//
// A list has no index that rises: its number is made of its last event's ID, and a blocking list waits for as long as that is the number
// that the client has.
//
// The reference is https://developer.hashicorp.com/consul/api-docs/event.
package event
