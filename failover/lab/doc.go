// Package lab builds machines as network namespaces, and breaks them: for tests of failover with real daemons, and for the demo.
//
// A Lab is a few machines, a client, and the switches that join them. A machine is a network namespace with a host name, process table and
// /proc of its own; its files are those of the computer it runs on. A switch is a bridge alone in a network namespace, and a cable is
// a pair of virtual Ethernet devices. Nothing has a name outside of the lab, so any number of labs run side by side, and
// nothing outlives the process that opened the lab, however that ends: a machine ends with its first process, which ends with the lab.
//
//	func main() {
//		lab.Child() // does what a lab has started this process for, if one has
//		...
//	}
//
//	l, err := lab.New(lab.Options{Machines: []string{"n1", "n2", "n3"}})
//	err = l.Open(ctx)
//	defer l.Close()
//	agent, err := l.Machine("n1").Start(ctx, []string{"holdfast", "agent"}, lab.StartOptions{})
//
// A lab needs root. Enter gives an ordinary user the same inside a user namespace.
//
// # Faults
//
// All are instant and can be undone: PowerOff (every process gets SIGKILL and the machine falls silent), Unplug (the interface loses its
// carrier), Silence (frames are dropped and the machine cannot tell), Cut, CutOneWay, Isolate and Partition (the switch drops what
// some machines send to others, while those in neither group see all), Slow, and for one process Kill and Stop. Heal ends all that are the
// network's.
//
// # What a Probe measures
//
// Every 3 ms a Probe asks three kinds of questions about a virtual IP:
//
//   - The client asks the address by normal routing, as any program would. The answer names the machine. From these the probe tells
//     the outage, and who answered.
//   - An observer, a port of its own on the switch that no fault touches, sends the same question in a frame straight to each
//     machine's hardware address. A machine that serves without being asked by anyone else is found out so.
//   - The observer asks who has the address (ARP, neighbour solicitation), each time for the answer to go to another hardware address, so that
//     every answer names the question it is for. All who answer are heard.
//
// The observer is not the client, because questions of this kind teach those who ask and those who are asked hardware addresses: they would repair
// the client's neighbour table after a move that was badly announced. For the same reason every machine knows the observer beforehand.
//
// From the answers package witness concludes: the Report. It never takes an orderly move for two owners, however busy the computer is.
// So that it does not miss two owners either, whoever asks, listens and answers does so on threads that the kernel prefers (as root; an ordinary
// user's take their turn), and GOMAXPROCS is raised while a lab is open. Report.Resolution is the longest that a machine went unseen
// in fact.
package lab
