package connect

import (
	"net/http"
	"strings"
	"time"

	"holdfast/cluster"
	"holdfast/cluster/state"
	"holdfast/httpapi/exchange"
)

// connectHandler answers for the roots of the CA.
type connectHandler struct {
	reader exchange.Reader
	off    bool
}

// Routes are the endpoints of the CA's roots. Where connect is switched off they answer as Consul does.
func Routes(reader exchange.Reader, off bool) exchange.Routes {
	h := &connectHandler{reader, off}
	return exchange.Routes{
		"/v1/connect/ca/roots":       {http.MethodGet: h.roots},
		"/v1/agent/connect/ca/roots": {http.MethodGet: h.roots},
	}
}

// rootsJSON is the public Go client's CARootList.
type rootsJSON struct {
	ActiveRootID string
	TrustDomain  string
	Roots        []rootJSON
}

// rootJSON is the public Go client's CARoot.
type rootJSON struct {
	ID                  string
	Name                string
	SerialNumber        uint64
	SigningKeyID        string
	ExternalTrustDomain string
	NotBefore           time.Time
	NotAfter            time.Time
	RootCert            string
	IntermediateCerts   []string
	Active              bool
	PrivateKeyType      string
	PrivateKeyBits      int
	CreateIndex         uint64
	ModifyIndex         uint64
}

// roots answers the one root, and with ?pem its certificate alone.
func (h *connectHandler) roots(r *exchange.Request) (*exchange.Reply, error) {
	if h.off {
		return nil, exchange.Failed(cluster.Errorf(cluster.Unsupported, "Connect must be enabled in order to use this endpoint: connect.enabled is false"))
	}
	pem, err := r.Flag("pem")
	if err != nil {
		return nil, err
	}
	var root *cluster.CARoot
	meta, err := h.reader.Query(r.Context(), r.Options, func(v *state.View) error {
		root = v.CARoot()
		return nil
	})
	switch {
	case err != nil:
		return nil, err
	case !pem:
		return exchange.Found(toRoots(root), meta, nil)
	case root == nil:
		return nil, cluster.Errorf(cluster.NotFound, "the cluster's CA has no root yet: its first leader is about to make one")
	}
	return &exchange.Reply{Raw: []byte(root.Cert), ContentType: "application/pem-certificate-chain", Meta: &meta}, nil
}

func toRoots(root *cluster.CARoot) rootsJSON {
	list := rootsJSON{Roots: []rootJSON{}}
	if root == nil {
		return list
	}
	list.ActiveRootID, list.TrustDomain = root.ID, root.TrustDomain
	list.Roots = append(list.Roots, rootJSON{
		ID: root.ID, Name: root.Name, SerialNumber: root.SerialNumber, SigningKeyID: root.SigningKeyID,
		ExternalTrustDomain: strings.TrimSuffix(root.TrustDomain, ".consul"), NotBefore: root.NotBefore, NotAfter: root.NotAfter,
		RootCert: root.Cert, Active: true, PrivateKeyType: "ec", PrivateKeyBits: 256, CreateIndex: root.CreateIndex, ModifyIndex: root.ModifyIndex,
	})
	return list
}
