// Package proxy passes TCP connections to backends that are swapped while it runs.
//
// A Proxy listens on one or more addresses, whether this machine has them already or not: a virtual IP may come and go. What it passes to is a
// Table, swapped as a whole by Set, which is desired state: what is in it is offered from now on, what is no longer in it is not.
//
//	p := proxy.New("db", proxy.Options{Listen: []string{"10.0.0.5:3306"}}, log)
//	err := p.Open()
//	p.Set(proxy.Table{Cut: true, Routes: map[string][]proxy.Backend{"": {{ID: "n1", Addr: "10.0.0.11:3306", Weight: 1, Epoch: 6}}}})
//
// # What a client sees
//
//   - A backend that does not answer is passed over for another, and for a moment comes last; the client notices nothing.
//   - While there is no backend, or none answers, the client stays connected and waits, up to Options.Hold. So a switch is a pause.
//   - A backend that leaves the table keeps its connections for Options.Drain, or, if the table says Cut, loses them at once.
//
// # One writer
//
// A backend in another epoch is another backend. Set with Cut first refuses the old one and breaks its connections, and only then offers the
// new: through one Proxy, no byte reaches the old epoch once the new is offered. Connections under way to an old backend are refused in the moment that
// they succeed.
//
// # How bytes travel
//
// Between two TCP sockets the kernel moves them (splice on Linux) without a copy through this process, once there are more than a few words. Sockets
// are not asked what nobody wants to know, and calls that cannot wait are not announced to the scheduler: to make and to end a connection is most of what a short one costs. An end of one direction is passed on
// as such: the other goes on until it ends too.
package proxy
