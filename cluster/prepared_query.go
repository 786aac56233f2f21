package cluster

import (
	"errors"
	"maps"
	"slices"
	"time"
)

// PreparedQuery is a question about a service that is kept under a name: which instances, in which order, and where to look when there are
// none. One that a View hands out is shared and must not be changed.
type PreparedQuery struct {
	ID       string // a UUID
	Name     string // unique without regard to case; "" for one that is found by its ID alone
	Session  string // the query is deleted when this session ends; "" for one that stays
	Token    string // the ACL token that it is executed with; "" means that of who executes it
	Template QueryTemplate
	Service  QueryService
	DNS      QueryDNS

	CreateIndex, ModifyIndex uint64
}

// QueryTemplate makes a query answer to every name that begins with its own. The zero value is no template.
type QueryTemplate struct {
	Type            string // TemplateByPrefix, or "" for none
	Regexp          string // its groups are match(1) and so on
	RemoveEmptyTags bool   // tags that are empty once they are filled in count for nothing
}

// TemplateByPrefix is the one type of template.
const TemplateByPrefix = "name_prefix_match"

// QueryService selects instances. In a template each of its strings may have parts in ${…}.
type QueryService struct {
	Service        string
	Failover       QueryFailover
	OnlyPassing    bool              // instances with a warning do not count, as those with a critical check never do
	IgnoreCheckIDs []string          // checks that count for nothing
	Near           string            // a node, _agent or _ip; "" means in any order
	Tags           []string          // wanted, or with a ! before it not wanted
	NodeMeta       map[string]string // wanted
	ServiceMeta    map[string]string // wanted
}

// QueryFailover says where to look when no instance is left here: in the nearest datacenters, then in the named ones; or in the targets.
type QueryFailover struct {
	NearestN    int
	Datacenters []string
	Targets     []QueryTarget
}

// QueryTarget is one place to look.
type QueryTarget struct {
	Datacenter string
}

// QueryDNS is how the query is answered over DNS.
type QueryDNS struct {
	TTL string // a duration, as it was given; "" means that of the service
}

// RedactedToken stands for a token in what is shown to those who may not see it.
const RedactedToken = "<hidden>"

// invalidQuery begins the sentences below, as Consul's do.
const invalidQuery = "Invalid prepared query: "

// Validate says in one sentence what is wrong with the query, or returns nil. Whether its template can be read is package prepared's to say.
func (q *PreparedQuery) Validate() error {
	switch {
	case q.Name == "" && q.Session == "" && q.Template.Type == "":
		return Errorf(Invalid, invalidQuery+"Must be bound to a session: a query without a Name would stay for ever, and nobody would find it")
	case q.Token == RedactedToken:
		return Errorf(Invalid, invalidQuery+"Bad Token '%s', it looks like a query definition with a redacted token was submitted", q.Token)
	case q.Service.Service == "":
		return Errorf(Invalid, invalidQuery+"Must provide a Service name to query: the field Service.Service is empty")
	case q.Service.Failover.NearestN < 0:
		return Errorf(Invalid, invalidQuery+"Bad NearestN '%d', must be >= 0", q.Service.Failover.NearestN)
	case len(q.Service.Failover.Targets) > 0 && (q.Service.Failover.NearestN > 0 || len(q.Service.Failover.Datacenters) > 0):
		return Errorf(Invalid, invalidQuery+"Failover.Targets cannot be given together with NearestN or Datacenters")
	case q.Template.Type != "" && q.Template.Type != TemplateByPrefix:
		return Errorf(Invalid, invalidQuery+"Bad Template.Type '%s': the only one is %s", q.Template.Type, TemplateByPrefix)
	case q.Template.Type == "" && q.Template.Regexp != "":
		return Errorf(Invalid, invalidQuery+"Template.Regexp is given without Template.Type: want %s", TemplateByPrefix)
	}
	if err := errors.Join(validMeta("filter", "NodeMeta", q.Service.NodeMeta), validMeta("filter", "ServiceMeta", q.Service.ServiceMeta)); err != nil {
		return Errorf(Invalid, invalidQuery+"Invalid filter metadata: %v", err)
	}
	return q.DNS.validate()
}

func (d *QueryDNS) validate() error {
	if d.TTL == "" {
		return nil
	}
	switch ttl, err := time.ParseDuration(d.TTL); {
	case err != nil:
		return Errorf(Invalid, invalidQuery+"Bad DNS TTL '%s': want a duration such as 10s", d.TTL)
	case ttl < 0:
		return Errorf(Invalid, invalidQuery+"DNS TTL '%s', must be >=0", d.TTL)
	}
	return nil
}

// Duration is the TTL, if there is one.
func (d *QueryDNS) Duration() (ttl time.Duration, given bool) {
	ttl, err := time.ParseDuration(d.TTL)
	return ttl, err == nil
}

// IsTemplate reports whether the query answers to other names than its own.
func (q *PreparedQuery) IsTemplate() bool { return q.Template.Type != "" }

// Equal reports whether two queries say the same, indexes aside.
func (q *PreparedQuery) Equal(o *PreparedQuery) bool {
	return q.ID == o.ID && q.Name == o.Name && q.Session == o.Session && q.Token == o.Token && q.Template == o.Template && q.DNS == o.DNS &&
		q.Service.Equal(&o.Service)
}

// Equal reports whether two selections say the same.
func (s *QueryService) Equal(o *QueryService) bool {
	return s.Service == o.Service && s.OnlyPassing == o.OnlyPassing && s.Near == o.Near && s.Failover.Equal(&o.Failover) &&
		slices.Equal(s.IgnoreCheckIDs, o.IgnoreCheckIDs) && slices.Equal(s.Tags, o.Tags) &&
		maps.Equal(s.NodeMeta, o.NodeMeta) && maps.Equal(s.ServiceMeta, o.ServiceMeta)
}

// Equal reports whether two failovers say the same.
func (f *QueryFailover) Equal(o *QueryFailover) bool {
	return f.NearestN == o.NearestN && slices.Equal(f.Datacenters, o.Datacenters) && slices.Equal(f.Targets, o.Targets)
}

// Clone is a copy of the selection that shares nothing with it.
func (s *QueryService) Clone() QueryService {
	c := *s
	c.IgnoreCheckIDs, c.Tags = slices.Clone(s.IgnoreCheckIDs), slices.Clone(s.Tags)
	c.NodeMeta, c.ServiceMeta = maps.Clone(s.NodeMeta), maps.Clone(s.ServiceMeta)
	c.Failover.Datacenters, c.Failover.Targets = slices.Clone(s.Failover.Datacenters), slices.Clone(s.Failover.Targets)
	return c
}
