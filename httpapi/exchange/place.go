package exchange

import (
	"holdfast/cluster"
)

// Place is what a request's body may say of where it belongs. All but the datacenter and the token is taken and not looked at.
type Place struct {
	Datacenter   string
	Namespace    string
	Partition    string
	PeerName     string
	Token        string
	WriteRequest *struct{ Token string }
}

// WriteOptions is what a write carries if the request itself has no token.
func (p *Place) WriteOptions() cluster.WriteOptions {
	if p.WriteRequest != nil && p.Token == "" {
		return cluster.WriteOptions{Token: p.WriteRequest.Token}
	}
	return cluster.WriteOptions{Token: p.Token}
}
