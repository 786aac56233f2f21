package language

import (
	"cmp"
	"encoding/json"
	"slices"
)

// Source answers what templates ask, as of one moment.
type Source interface {
	Store
	Catalog
}

// Store holds the keys.
type Store interface {
	Key(key string) (*Pair, error) // nil where there is none
	// Below is every key that begins with the prefix, in order. Key is the whole key; the language shortens it.
	Below(prefix string) ([]*Pair, error)
}

// Catalog holds the nodes and services. near is a node's name, "_agent" or "": the order of the answer.
type Catalog interface {
	Datacenter() (string, error)
	Nodes(near string) ([]*Node, error)
	Node(name string) (*CatalogNode, error) // "" is the agent's own; nil where there is none; see CatalogNode.Sort
	Services() ([]*Service, error)
	Instances(service, near string) ([]*Instance, error) // whatever their health
	Roots() ([]*Root, error)
}

// Pair is a key with its value. A template prints Key and Value.
type Pair struct {
	Path, Key, Value         string
	CreateIndex, ModifyIndex uint64
	LockIndex, Flags         uint64
	Session                  string
}

// Node is a machine of the catalog.
type Node struct {
	ID, Node, Address, Datacenter string
	TaggedAddresses, Meta         map[string]string
}

// CatalogNode is a machine with what runs on it.
type CatalogNode struct {
	Node     *Node
	Services []*NodeService
}

// Sort brings the instances into the order in which templates see them: by service, then ID.
func (n *CatalogNode) Sort() *CatalogNode {
	slices.SortFunc(n.Services, func(a, b *NodeService) int { return cmp.Or(cmp.Compare(a.Service, b.Service), cmp.Compare(a.ID, b.ID)) })
	return n
}

// NodeService is an instance as its node lists it.
type NodeService struct {
	ID, Service       string
	Tags              Tags
	Meta              map[string]string
	Port              int
	Address           string
	EnableTagOverride bool
}

// Service is a service's name with the tags of all its instances.
type Service struct {
	Name string
	Tags Tags
}

// Instance is an instance of a service.
type Instance struct {
	Node, NodeID, NodeAddress     string
	NodeTaggedAddresses, NodeMeta map[string]string
	ServiceMeta                   map[string]string
	Address                       string // the node's, where the instance has none of its own
	ServiceTaggedAddresses        map[string]Address
	ID, Name                      string
	Tags                          Tags
	Checks                        Checks
	Status                        string // "passing", "warning", "critical" or "maintenance": the worst of its checks
	Port                          int
	Weights                       Weights
}

// Tags are the tags of an instance, sorted.
type Tags []string

// Address is a named address of an instance.
type Address struct {
	Address string
	Port    int
}

// Weights are what DNS SRV answers carry for an instance.
type Weights struct{ Passing, Warning int }

// Check is a check of an instance or of its node.
type Check struct {
	Node, CheckID, Name, Status, Notes, Output, ServiceID, ServiceName string
	ServiceTags                                                        []string
	Type                                                               string
	ExposedPort                                                        int
	Definition                                                         Definition
	CreateIndex, ModifyIndex                                           uint64
}

// Checks are the checks that bear on an instance.
type Checks []*Check

// AggregatedStatus is the worst of them.
func (c Checks) AggregatedStatus() string { return statusOf(c) }

// Definition is how a check is made. Templates see its form, and the zero values of checks that agents make.
type Definition struct{}

// MarshalJSON writes the form that programs know.
func (Definition) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Interval, Timeout, DeregisterCriticalServiceAfter, HTTP string
		Header                                                  map[string][]string
		Method, Body, TLSServerName                             string
		TLSSkipVerify                                           bool
		TCP                                                     string
		TCPUseTLS                                               bool
		UDP, GRPC, OSService                                    string
		GRPCUseTLS                                              bool
	}{Interval: "0s", Timeout: "0s", DeregisterCriticalServiceAfter: "0s"})
}

// Root is a root certificate of the cluster's CA.
type Root struct {
	ID, Name                 string
	RootCertPEM              string `json:"RootCert"`
	Active                   bool
	CreateIndex, ModifyIndex uint64
}
