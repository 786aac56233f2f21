package wire

import (
	"encoding/json"
	"time"

	"holdfast/httpapi/exchange"
)

// Definition says what a monitor of external nodes is to do for a check of theirs. Holdfast keeps it, and shows it in the one form that Consul
// gives it, however it was written: every client of Consul's family fails on a whole list in which one duration cannot be read.
type Definition struct {
	HTTP              string              `json:",omitempty"`
	TLSServerName     string              `json:",omitempty"`
	TLSSkipVerify     bool                `json:",omitempty"`
	Header            map[string][]string `json:",omitempty"`
	Method            string              `json:",omitempty"`
	Body              string              `json:",omitempty"`
	DisableRedirects  bool                `json:",omitempty"`
	TCP               string              `json:",omitempty"`
	TCPUseTLS         bool                `json:",omitempty"`
	UDP               string              `json:",omitempty"`
	GRPC              string              `json:",omitempty"`
	GRPCUseTLS        bool                `json:",omitempty"`
	H2PING            string              `json:",omitempty"`
	H2PingUseTLS      bool                `json:",omitempty"`
	OSService         string              `json:",omitempty"`
	ScriptArgs        []string            `json:",omitempty"`
	DockerContainerID string              `json:",omitempty"`
	Shell             string              `json:",omitempty"`
	AliasNode         string              `json:",omitempty"`
	AliasService      string              `json:",omitempty"`
	OutputMaxSize     uint                `json:",omitempty"`
	TTL               exchange.Duration   `json:",omitempty"` // shown as a number, as Consul does

	Interval                       span `json:",omitempty"`
	Timeout                        span `json:",omitempty"`
	DeregisterCriticalServiceAfter span `json:",omitempty"`
}

// span is a time span that is shown as text.
type span time.Duration

// MarshalJSON writes it as "1m30s".
func (s span) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).String()) }

// UnmarshalJSON reads text or nanoseconds.
func (s *span) UnmarshalJSON(b []byte) error { return (*exchange.Duration)(s).UnmarshalJSON(b) }

// UnmarshalJSON reads a definition. What Consul does not know is passed over, as there. Consul's client for Go also has the durations as numbers.
func (d *Definition) UnmarshalJSON(b []byte) error {
	type plain Definition
	var body struct {
		*plain
		IntervalDuration, TimeoutDuration, DeregisterCriticalServiceAfterDuration span
	}
	body.plain = (*plain)(d)
	if err := json.Unmarshal(b, &body); err != nil {
		return err
	}
	for _, x := range []struct{ named, number *span }{
		{&d.Interval, &body.IntervalDuration}, {&d.Timeout, &body.TimeoutDuration}, {&d.DeregisterCriticalServiceAfter, &body.DeregisterCriticalServiceAfterDuration},
	} {
		if *x.named == 0 {
			*x.named = *x.number
		}
	}
	return nil
}

// encoded is the definition as it is kept, nil for one that says nothing.
func (d *Definition) encoded() []byte {
	b, err := json.Marshal(d)
	if err != nil { // text and numbers always encode
		return nil
	}
	return opaqueOf(b)
}

// kind is the type of a check by its definition, "" for one that says nothing.
func (d *Definition) kind() string {
	for _, t := range []struct {
		name string
		is   bool
	}{
		{"grpc", d.GRPC != ""},
		{"http", d.HTTP != ""},
		{"ttl", d.TTL != 0},
		{"tcp", d.TCP != ""},
		{"udp", d.UDP != ""},
		{"alias", d.AliasNode+d.AliasService != ""},
		{"docker", d.DockerContainerID != ""},
		{"script", len(d.ScriptArgs) > 0},
		{"h2ping", d.H2PING != ""},
		{"os_service", d.OSService != ""},
	} {
		if t.is {
			return t.name
		}
	}
	return ""
}
