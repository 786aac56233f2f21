package cluster

// ProxyStatus is one proxy of a machine at one moment.
type ProxyStatus struct {
	Name        string
	Listen      []string // addresses with ports
	Mode        string   // "tcp", "sni"
	Balance     string   // "least", "round_robin", "source"
	Why         string   // why its backends are these, or why there are none; a sentence
	Connections int      // clients that are connected, held ones included
	Held        int      // clients that wait for a backend
	Accepted    uint64   // clients since it was started
	TurnedAway  uint64   // clients that got no backend in time
	Backends    []ProxyBackend
}

// ProxyBackend is one place that a proxy passes connections to.
type ProxyBackend struct {
	Route     string // the server name that it is for, "" for all
	ID        string // the machine's name, with the instance's ID where that is not the service's name
	Address   string
	Epoch     uint64 // of the group whose holder it is, 0 without one
	Weight    int
	State     string // "up", "doubted" after a connection that failed, "draining" once it is no backend any more
	Active    int    // connections now
	Opened    uint64
	Failed    uint64 // attempts to connect
	Cut       uint64 // connections that were broken because it was no backend any more
	Sent      uint64 // bytes
	Received  uint64 // bytes
	LastError string
}
