package state

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"holdfast/cluster"
	"holdfast/cluster/state/table"
)

// instancesOf is every instance of a service, whose name is given in lower case, in the order of nodes and IDs.
func instancesOf(txn *table.Txn, service string) iter.Seq[*cluster.Service] {
	return each[cluster.Service](txn, tableServices, byName, below(service))
}

// putService stores an instance, unless it says nothing new.
func (w *writer) putService(s *cluster.Service) {
	had := found[cluster.Service](w.txn, tableServices, onNode(s.Node, s.ID))
	s.CreateIndex, s.ModifyIndex = w.index, w.index
	if had != nil {
		if had.Equal(s) {
			return
		}
		s.CreateIndex = had.CreateIndex
	}
	w.relabelChecks(s) // first: it must not move the index of a service that ends below
	w.changeService(had, s)
}

// deleteService deletes an instance with its checks.
func (w *writer) deleteService(s *cluster.Service) {
	for c := range each[cluster.Check](w.txn, tableChecks, byInstance, ofInstance(s.Node, s.ID)) {
		w.deleteCheck(c)
	}
	w.changeService(s, nil)
}

// changeService replaces the instance had by s, either of which may be nil, and moves the indexes of the services concerned.
func (w *writer) changeService(had, s *cluster.Service) {
	var names []string
	for _, i := range []*cluster.Service{had, s} {
		if i != nil && !slices.Contains(names, strings.ToLower(i.Name)) {
			names = append(names, strings.ToLower(i.Name))
		}
	}
	before := w.summaries(names)
	if s != nil {
		w.put(tableServices, s)
		w.touch(ofNode + strings.ToLower(s.Node))
	} else {
		w.remove(tableServices, had)
		w.touch(ofNode + strings.ToLower(had.Node))
	}
	after := w.summaries(names)
	w.touch(setInstances)
	if !slices.EqualFunc(before, after, ServiceSummary.equal) {
		w.touch(setServices)
	}
	for i, name := range names {
		if after[i].Name == "" {
			w.close(ofService + name)
		} else {
			w.touch(ofService + name)
		}
	}
}

func (w *writer) summaries(names []string) []ServiceSummary {
	var all []ServiceSummary
	for _, name := range names {
		all = append(all, summary(w.txn, name))
	}
	return all
}

func (s ServiceSummary) equal(o ServiceSummary) bool {
	return s.Name == o.Name && slices.Equal(s.Tags, o.Tags) && maps.EqualFunc(s.Spellings, o.Spellings, slices.Equal[[]string])
}

// relabelChecks writes the ID, name and tags of an instance into its checks.
func (w *writer) relabelChecks(s *cluster.Service) {
	for c := range each[cluster.Check](w.txn, tableChecks, byInstance, ofInstance(s.Node, s.ID)) {
		if c.ServiceID != s.ID || c.ServiceName != s.Name || !slices.Equal(c.ServiceTags, s.Tags) {
			n := *c
			n.ServiceID, n.ServiceName, n.ServiceTags = s.ID, s.Name, s.Tags
			w.putCheck(&n)
		}
	}
}

// touchServicesOn moves the index of every service with an instance on a node.
func (w *writer) touchServicesOn(node string) {
	for s := range each[cluster.Service](w.txn, tableServices, byID, below(strings.ToLower(node))) {
		w.touch(ofService + strings.ToLower(s.Name))
	}
}
