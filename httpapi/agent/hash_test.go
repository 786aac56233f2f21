package agent

import (
	"testing"

	"holdfast/cluster"
)

// The first hash stands in the tests of Consul's public client; the others were taken from Consul's algorithm over that client's type.
func TestContentHashIsConsuls(t *testing.T) {
	for _, c := range []struct {
		s    cluster.Service
		want string
	}{
		{cluster.Service{ID: "foo", Name: "foo", Tags: []string{"bar", "baz"}, Port: 8000, Weights: cluster.DefaultWeights}, "3e352f348d44f7eb"},
		{cluster.Service{ID: "foo", Name: "foo", Tags: []string{"bar", "baz"}, Port: 8000, Locality: cluster.Locality{Region: "eu"}}, "3e352f348d44f7eb"},
		{cluster.Service{ID: "web1", Name: "web", Address: "10.0.0.1", Meta: map[string]string{"v": "1"}, TaggedAddresses: map[string]cluster.ServiceAddress{"lan": {Address: "10.0.0.1", Port: 80}}, EnableTagOverride: true}, "b16d16f64cab06bc"},
	} {
		if got, err := contentHash(&c.s); got != c.want || err != nil {
			t.Errorf("hash of %+v: %s, %v; want %s", c.s, got, err, c.want)
		}
	}
}
