// Package keeper carries managed addresses by the operator's own commands, on systems whose kernel cannot be told until when an address
// may be served: illumos, Solaris, FreeBSD, macOS.
//
// There the place of the kernel's fence is taken by a small process of its own, the keeper. The daemon tells it, over a socket in the data
// directory, until when each address may be served; the keeper alone runs the commands that add and remove addresses, and removes an
// address when its time is up, whether the daemon is well, killed or stopped. An address that is not to be served is not on the machine.
//
//	h := keeper.New(keeper.Options{Commands: keeper.DefaultCommands(runtime.GOOS), Dir: dataDir, Program: []string{exe, "keeper"}})
//	if err := h.Start(); err != nil { ... }   // starts a keeper, or finds the one that an earlier daemon left
//	defer h.Close()                          // the keeper goes on until the last deadline has passed
//
// A [Host] is both what puts addresses on the machine and the fence. A daemon that is started again within its lease finds its keeper
// and the addresses as they were.
//
// # In what this is weaker than the kernel's fence
//
//   - Removing an address takes a program's start. The keeper begins [DefaultLead] before the deadline; a machine that is too busy to run
//     the command in that time serves the address past its lease.
//   - Who kills or stops the keeper together with the daemon (or the whole process tree) leaves the address where it is, until a new
//     daemon starts; it then removes what was left.
//   - A new holder is slower by the time of the command that adds the address.
//   - Other machines that claim the address go unnoticed but for the probe command (on Linux they are heard), and an address that
//     something else removed is back within a second, not at once.
package keeper
