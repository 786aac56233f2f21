package watch

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"holdfast/cluster"
)

// question is where the API answers what a watch wants to know.
func question(w *cluster.Watch) (path string, query url.Values) {
	query = url.Values{}
	set := func(name, value string) {
		if value != "" {
			query.Set(name, value)
		}
	}
	set("dc", w.Datacenter)
	set("token", w.Token)
	set("filter", w.Filter)
	switch w.Type {
	case "key":
		path = "/v1/kv/" + escape(w.Key)
	case "keyprefix":
		path = "/v1/kv/" + escape(w.Prefix)
		query.Set("recurse", "")
	case "services":
		path = "/v1/catalog/services"
	case "nodes":
		path = "/v1/catalog/nodes"
	case "service":
		path = "/v1/health/service/" + escape(w.Service)
		if w.PassingOnly {
			query.Set("passing", "1")
		}
		query["tag"] = w.Tags
	case "checks":
		path = "/v1/health/state/any"
		if w.State != "" {
			path = "/v1/health/state/" + escape(w.State)
		}
		if w.Service != "" {
			path = "/v1/health/checks/" + escape(w.Service)
		}
	case "event":
		path = "/v1/event/list"
		set("name", w.Name)
	}
	return path, query
}

// escape writes a name as part of a path; its slashes stay.
func escape(name string) string {
	parts := strings.Split(name, "/")
	for i := range parts {
		parts[i] = url.PathEscape(parts[i])
	}
	return strings.Join(parts, "/")
}

// entry is a KV entry as Consul's handlers have it, which unlike the API names the session of a key that nobody holds.
type entry struct {
	Key         string
	CreateIndex uint64
	ModifyIndex uint64
	LockIndex   uint64
	Flags       uint64
	Value       json.RawMessage
	Session     string
}

// handed is the API's answer in the form in which handlers have it, and what to remember of it: the last event that it ends with. after is
// the last event that the handler has had.
func handed(w *cluster.Watch, a Answer, after string) (out []byte, last string, err error) {
	body := bytes.TrimSpace(a.Body)
	if !a.Found || len(body) == 0 {
		return []byte("null"), "", nil
	}
	switch w.Type {
	case "key", "keyprefix":
		out, err = handedEntries(body, w.Type == "key")
	case "event":
		out, last, err = newEvents(body, after)
	case "service":
		out, err = handedInstances(body)
	case "checks":
		out, err = handedChecks(body)
	default:
		out = body
	}
	if err != nil {
		return nil, "", fmt.Errorf("read the answer for the %s: %w", w.Label(), err)
	}
	return out, last, nil
}

// handedEntries are the entries of an answer, or its first one alone.
func handedEntries(body []byte, one bool) ([]byte, error) {
	var es []entry
	if err := json.Unmarshal(body, &es); err != nil {
		return nil, err
	}
	if one && len(es) > 0 {
		return json.Marshal(es[0])
	}
	return json.Marshal(es)
}

// check is a check as Consul's handlers have it: unlike the API it spells out a definition that says nothing, and knows no times beside it.
type check struct {
	Node        json.RawMessage
	CheckID     json.RawMessage
	Name        json.RawMessage
	Status      json.RawMessage
	Notes       json.RawMessage
	Output      json.RawMessage
	ServiceID   json.RawMessage
	ServiceName json.RawMessage
	ServiceTags json.RawMessage
	Type        json.RawMessage
	ExposedPort json.RawMessage
	Definition  json.RawMessage
	CreateIndex json.RawMessage
	ModifyIndex json.RawMessage
}

const noDefinition = `{"Interval":"0s","Timeout":"0s","DeregisterCriticalServiceAfter":"0s","HTTP":"","Header":null,"Method":"","Body":"",` +
	`"TLSServerName":"","TLSSkipVerify":false,"TCP":"","TCPUseTLS":false,"UDP":"","GRPC":"","OSService":"","GRPCUseTLS":false}`

// spellOut makes handlers' checks of the API's.
func spellOut(checks []check) {
	for i := range checks {
		if d := &checks[i].Definition; len(*d) == 0 || string(*d) == "{}" {
			*d = json.RawMessage(noDefinition)
		}
	}
}

func handedChecks(body []byte) ([]byte, error) {
	cs := []check{}
	if err := json.Unmarshal(body, &cs); err != nil {
		return nil, err
	}
	spellOut(cs)
	return json.Marshal(cs)
}

// handedInstances are the instances of an answer.
func handedInstances(body []byte) ([]byte, error) {
	is := []struct {
		Node    json.RawMessage
		Service json.RawMessage
		Checks  []check
	}{}
	if err := json.Unmarshal(body, &is); err != nil {
		return nil, err
	}
	for i := range is {
		spellOut(is[i].Checks)
	}
	return json.Marshal(is)
}

// newEvents are the events of an answer that follow one, all where that is not among them, and the ID of the last.
func newEvents(body []byte, after string) (out []byte, last string, err error) {
	var all []json.RawMessage
	if err := json.Unmarshal(body, &all); err != nil {
		return nil, "", err
	}
	fresh := 0
	for i, e := range all {
		var id struct{ ID string }
		if err := json.Unmarshal(e, &id); err != nil {
			return nil, "", err
		}
		if last = id.ID; last == after {
			fresh = i + 1
		}
	}
	out, err = json.Marshal(all[fresh:])
	return out, last, err
}
