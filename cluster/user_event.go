package cluster

import (
	"regexp"
	"strconv"
	"strings"
)

// UserEvent is something that a program tells all agents, or those that its filters select. It travels by gossip: fast, to every member
// that is there, and kept by nobody for those who come later. A UserEvent that an agent hands out is shared and must not be changed.
type UserEvent struct {
	ID      string // a UUID, made where the event is fired
	Name    string // what it is about, "deploy"
	Payload []byte

	NodeFilter    string // a regular expression for the names of the nodes that are meant; "" means all
	ServiceFilter string // one for the name of a service that the node has registered
	TagFilter     string // and one for a tag of that service

	LTime uint64 // the pool's Lamport time at which it was fired
}

// Validate says in one sentence what is wrong with the event, or returns nil. The beginnings of the sentences are Consul's.
func (e *UserEvent) Validate() error {
	if e.Name == "" {
		return Errorf(Invalid, "User event missing name: give it at the end of the path")
	}
	if e.TagFilter != "" && e.ServiceFilter == "" {
		return Errorf(Invalid, "Cannot provide tag filter without service filter: give the service whose tag %q is meant", e.TagFilter)
	}
	for _, f := range []struct{ what, expr string }{{"node", e.NodeFilter}, {"service", e.ServiceFilter}, {"tag", e.TagFilter}} {
		if _, err := regexp.Compile(f.expr); err != nil {
			return Errorf(Invalid, "Invalid %s filter %q: %v", f.what, f.expr, err)
		}
	}
	return nil
}

// Index is the number that Consul's API gives to the event, and to a list that ends with it: the halves of its ID, one over the other. Such
// numbers have no order; they only differ. The second value is false for an ID that is no UUID.
func (e *UserEvent) Index() (uint64, bool) {
	hex := strings.ReplaceAll(e.ID, "-", "")
	if len(e.ID) != 36 || len(hex) != 32 {
		return 0, false
	}
	low, err1 := strconv.ParseUint(hex[:16], 16, 64)
	high, err2 := strconv.ParseUint(hex[16:], 16, 64)
	return low ^ high, err1 == nil && err2 == nil
}
