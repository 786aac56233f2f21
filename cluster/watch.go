package cluster

import (
	"cmp"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Watch is a question about the cluster whose answer is handed on whenever it changes: to a program of this machine, or to a URL. The
// questions and the forms of the answers are those of Consul's watches
// (https://developer.hashicorp.com/consul/docs/dynamic-app-config/watches).
type Watch struct {
	Type string // "key", "keyprefix", "services", "nodes", "service", "checks" or "event"

	Key         string   // of key
	Prefix      string   // of keyprefix
	Service     string   // of service, and of checks
	Tags        []string // of service: all of them
	PassingOnly bool     // of service
	State       string   // of checks: "passing", "warning", "critical" or "any"
	Name        string   // of event; "" means every event
	Filter      string   // of services, nodes, service and checks: an expression as the API takes it
	Datacenter  string
	Token       string // the ACL token

	Args []string   // a program and its arguments: it has the answer on its standard input
	HTTP *WatchHTTP // or where the answer is sent

	Timeout     time.Duration // after which the program is killed with its children; 0 means never
	Retry       int           // how often a run that fails is tried again
	SkipInitial bool          // what is so at the start is no news
	Coalesce    time.Duration // how long changes are gathered before one run takes them all
}

// WatchHTTP is a URL that a watch's answers are sent to.
type WatchHTTP struct {
	URL           string
	Method        string        // "" means POST
	Timeout       time.Duration // 0 means DefaultWatchHTTPTimeout
	Header        map[string][]string
	TLSSkipVerify bool
}

// The times of a watch that gives none.
const (
	DefaultWatchTimeout     = 5 * time.Minute // of a program that a config file names
	DefaultWatchHTTPTimeout = 10 * time.Second
)

// watchTypes are the types, each with what it may be given. What ends in ! must be.
var watchTypes = map[string][]string{
	"key": {"key!"}, "keyprefix": {"prefix!"}, "services": {"filter"}, "nodes": {"filter"},
	"service": {"service!", "tag", "passingonly", "filter"}, "checks": {"service", "state", "filter"}, "event": {"name"},
}

// Question says in one sentence what is wrong with what is asked, or returns nil.
func (w *Watch) Question() error {
	takes, ok := watchTypes[w.Type]
	if !ok {
		return Errorf(Invalid, "a watch has the type %q: want key, keyprefix, services, nodes, service, checks or event", w.Type)
	}
	for _, p := range []struct {
		name  string
		given bool
	}{
		{"key", w.Key != ""},
		{"prefix", w.Prefix != ""},
		{"service", w.Service != ""},
		{"tag", len(w.Tags) > 0},
		{"passingonly", w.PassingOnly},
		{"state", w.State != ""},
		{"name", w.Name != ""},
		{"filter", w.Filter != ""},
	} {
		switch must := slices.Contains(takes, p.name+"!"); {
		case must && !p.given:
			return Errorf(Invalid, "a watch of the type %s has no %s: say which one it watches", w.Type, p.name)
		case p.given && !must && !slices.Contains(takes, p.name):
			return Errorf(Invalid, "a watch of the type %s takes no %s: remove it", w.Type, p.name)
		}
	}
	if w.Service != "" && w.State != "" {
		return Errorf(Invalid, "a watch of checks has both service and state: give one of them")
	}
	return nil
}

// Validate says in one sentence what is wrong with the watch, or returns nil.
func (w *Watch) Validate() error {
	if err := w.Question(); err != nil {
		return err
	}
	switch {
	case len(w.Args) == 0 && w.HTTP == nil:
		return Errorf(Invalid, "%s has no handler: give args, or handler_type = \"http\" with http_handler_config", w.Label())
	case len(w.Args) > 0 && w.HTTP != nil:
		return Errorf(Invalid, "%s has two handlers, a program and a URL: give each a watch of its own", w.Label())
	case len(w.Args) > 0 && w.Args[0] == "":
		return Errorf(Invalid, "%s runs a program without a name: args begins with it", w.Label())
	case w.Timeout < 0 || w.Coalesce < 0 || w.Retry < 0:
		return Errorf(Invalid, "%s has a negative timeout, coalesce or retry", w.Label())
	}
	if w.HTTP == nil {
		return nil
	}
	u, err := url.Parse(w.HTTP.URL)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return Errorf(Invalid, "%s: http_handler_config has the path %q: want a URL with http:// or https://", w.Label(), w.HTTP.URL)
	}
	return nil
}

// Label is the watch in a few words for people: "watch of key vips/web".
func (w *Watch) Label() string {
	what := cmp.Or(w.Key, w.Prefix, w.Service, w.State, w.Name)
	return strings.TrimSpace("watch of " + w.Type + " " + what)
}

// Handler is what the answers go to, in a few words for people.
func (w *Watch) Handler() string {
	if w.HTTP != nil {
		return w.HTTP.URL
	}
	return strings.Join(w.Args, " ")
}

// Equal reports whether two watches say the same.
func (w *Watch) Equal(o *Watch) bool { return reflect.DeepEqual(w, o) }

// WatchStatus is how a watch of this agent fares.
type WatchStatus struct {
	Watch    Watch
	Waiting  string        // why there is no answer yet, "" where there is one
	Index    uint64        // of the newest answer that was handed on
	Runs     uint64        // of the handler, those that were tried again included
	Failures uint64        // among them
	Running  bool          // the handler runs now
	Started  time.Time     // the newest run; zero while there was none
	Took     time.Duration // the newest run that has ended
	Error    string        // how it failed, "" where all went well
	Output   string        // the end of what it printed, or of the answer of the URL
}
