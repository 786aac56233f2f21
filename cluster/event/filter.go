package event

import (
	"iter"
	"regexp"
	"slices"

	"holdfast/cluster"
)

// MeantFor reports whether an event is meant for the agent of a node with these services. An event whose filters cannot be read is meant
// for nobody.
func MeantFor(e *cluster.UserEvent, node string, services iter.Seq[*cluster.Service]) bool {
	if e.NodeFilter != "" {
		re, err := regexp.Compile(e.NodeFilter)
		if err != nil || !re.MatchString(node) {
			return false
		}
	}
	if e.ServiceFilter == "" {
		return true
	}
	name, err := regexp.Compile(e.ServiceFilter)
	if err != nil {
		return false
	}
	tag, err := regexp.Compile(e.TagFilter)
	if err != nil {
		return false
	}
	for s := range services {
		if name.MatchString(s.Name) && (e.TagFilter == "" || slices.ContainsFunc(s.Tags, tag.MatchString)) {
			return true
		}
	}
	return false
}
