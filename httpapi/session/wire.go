package session

import (
	"encoding/json"
	"slices"
	"time"

	"holdfast/cluster"
	"holdfast/httpapi/exchange"
)

// sessionJSON is a session as it is shown.
type sessionJSON struct {
	ID            string
	Name          string
	Node          string
	LockDelay     time.Duration // in nanoseconds
	Behavior      string
	TTL           string // "" for none
	NodeChecks    []string
	ServiceChecks []sessionServiceCheckJSON
	CreateIndex   uint64
	ModifyIndex   uint64
}

type sessionServiceCheckJSON struct {
	ID        string
	Namespace string
}

func toSession(s *cluster.Session) sessionJSON {
	out := sessionJSON{
		ID: s.ID, Name: s.Name, Node: s.Node, LockDelay: s.LockDelay, Behavior: string(s.Behavior), NodeChecks: exchange.OrEmpty(s.NodeChecks),
		CreateIndex: s.CreateIndex, ModifyIndex: s.ModifyIndex,
	}
	if out.TTL = s.TTLAsGiven; out.TTL == "" && s.TTL > 0 {
		out.TTL = s.TTL.String()
	}
	for _, c := range s.ServiceChecks {
		out.ServiceChecks = append(out.ServiceChecks, sessionServiceCheckJSON(c))
	}
	return out
}

// newSessionJSON is the body of session/create. A field that is absent means its default; an explicit null means nothing.
type newSessionJSON struct {
	exchange.Place
	ID            string // not looked at
	Name          string
	Node          string
	LockDelay     json.RawMessage
	Behavior      string
	TTL           string
	Checks        json.RawMessage // the older name of NodeChecks
	NodeChecks    json.RawMessage
	ServiceChecks []sessionServiceCheckJSON
	CreateIndex   uint64 // not looked at
	ModifyIndex   uint64 // not looked at
}

// session is the session that the body asks for.
func (b *newSessionJSON) session(node string, minTTL time.Duration) (cluster.Session, error) {
	s := cluster.Session{Name: b.Name, Node: b.Node, Behavior: cluster.SessionBehavior(b.Behavior), TTLAsGiven: b.TTL}
	if s.Node == "" {
		s.Node = node
	}
	for _, c := range b.ServiceChecks {
		s.ServiceChecks = append(s.ServiceChecks, cluster.SessionServiceCheck(c))
	}
	var err error
	if s.LockDelay, err = lockDelay(b.LockDelay); err != nil {
		return s, err
	}
	if s.TTL, err = sessionTTL(b.TTL, minTTL); err != nil {
		return s, err
	}
	if s.Behavior == "" {
		s.Behavior = cluster.SessionRelease
	}
	s.NodeChecks, err = b.nodeChecks()
	return s, err
}

// nodeChecks joins NodeChecks with the older Checks as Consul does: one of them that is there and empty means no check at all, and Checks come on
// top of serfHealth where NodeChecks says nothing.
func (b *newSessionJSON) nodeChecks() ([]string, error) {
	checks, err := checkIDs("NodeChecks", b.NodeChecks, cluster.SerfHealth)
	if err != nil {
		return nil, err
	}
	older, err := checkIDs("Checks", b.Checks, cluster.SerfHealth)
	if err != nil || len(checks) == 0 || len(older) == 0 {
		return nil, err
	}
	if len(older) == 1 && older[0] == cluster.SerfHealth { // the same as if it were not there
		older = nil
	}
	var out []string
	for _, id := range append(checks, older...) {
		if !slices.Contains(out, id) {
			out = append(out, id)
		}
	}
	return out, nil
}

// checkIDs is a list of checks, absent the given one.
func checkIDs(field string, raw json.RawMessage, absent string) (ids []string, err error) {
	if raw == nil {
		return []string{absent}, nil
	}
	if err := json.Unmarshal(raw, &ids); err != nil {
		return nil, cluster.Errorf(cluster.Invalid, "Request decode failed: the field %s wants a list of check IDs, not %.100s", field, raw)
	}
	return ids, nil
}

// lockDelaySeconds is the number below which a lock delay without a unit counts as seconds, above as nanoseconds. It is Consul's.
const lockDelaySeconds = 1000

func lockDelay(raw json.RawMessage) (time.Duration, error) {
	if raw == nil || string(raw) == "null" {
		return cluster.DefaultLockDelay, nil
	}
	var n float64
	if json.Unmarshal(raw, &n) == nil {
		if n < lockDelaySeconds {
			return time.Duration(n * float64(time.Second)), nil
		}
		return time.Duration(n), nil
	}
	var d exchange.Duration
	if err := d.UnmarshalJSON(raw); err != nil {
		return 0, exchange.DecodeError(err)
	}
	return time.Duration(d), nil
}

// sessionTTL reads a TTL and holds it to its limits. The beginning of the sentence is Consul's: clients look for it.
func sessionTTL(s string, least time.Duration) (time.Duration, error) {
	if s == "" {
		return 0, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, exchange.AsServerError(cluster.Errorf(cluster.Invalid, "Session TTL '%s' invalid: want a duration such as 15s", s))
	}
	if d != 0 && (d < least || d > cluster.MaxSessionTTL) {
		return 0, exchange.AsServerError(cluster.Errorf(cluster.Invalid, "Invalid Session TTL '%s', must be between [%s, %s]", s, least, cluster.MaxSessionTTL))
	}
	return d, nil
}
