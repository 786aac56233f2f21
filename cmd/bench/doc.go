// Command bench measures three members on loopback addresses, which it starts itself: writes, reads, health, wake-ups, locks,
// registrations, memory, disk, restart, how long a DNS answer takes to follow a check, and how long a cluster takes to go on without its
// leader; and the TCP proxy of an agent, by turns with HAProxy where it is installed. Beside bin/holdfast it measures any other binary that takes the same config file and speaks the same API, one after the other in
// each round, and prints the ratios.
//
//	make bench                     # three rounds, some five minutes
//	make bench QUICK=1             # one round of short windows
//	make bench PEER=/path/to/consul
//
// # What to believe
//
// Servers and generator share this machine. The steadiest figure is the CPU time of the three servers per 10,000 operations; a throughput with
// 64 clients is in effect the number of cores over the CPU time per operation. A machine is not equally fast at all times: compare figures
// of one run only, and take a ratio of less than 1.3 (1.15 in CPU time) for noise. Every figure is the median of the rounds.
//
// Connections go to 127.0.0.0/8 alone, every loop is bounded in time, and only processes that it started are ended; they die with it. The
// data directories are made under -dir, which should be on a real disk: in memory a sync costs nothing.
package main
