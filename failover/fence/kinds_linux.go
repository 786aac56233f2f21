package fence

// kinds lists the drivers of this system, the best first.
func kinds() []kind {
	return []kind{
		{
			option: "tcx",
			name:   "ebpf/tcx",
			traits: "for each packet the kernel compares the clock with the lease's absolute deadline",
			probe:  func() error { return rehearse(tcx{}) },
			left:   func() (bool, error) { return bpfLeft(tcx{}) },
			open:   func() (driver, error) { return openBPF(tcx{}) },
		},
		{
			option: "clsact",
			name:   "ebpf/clsact",
			traits: "for each packet the kernel compares the clock with the lease's absolute deadline; " +
				"weaker than tcx in that whoever deletes an interface's clsact qdisc deletes its fence",
			probe: func() error { return rehearse(clsact{}) },
			left:  func() (bool, error) { return bpfLeft(clsact{}) },
			open:  func() (driver, error) { return openBPF(clsact{}) },
		},
		{
			option: "nftables",
			name:   "nftables",
			traits: "WEAKER than eBPF: its timeouts count from the moment of the write, so a lease written late " +
				"is served past its end by as much; time that the machine sleeps is not counted; " +
				"and whoever flushes the nftables ruleset deletes the fence until the next Attach",
			probe: probeNFT,
			left:  nftLeft,
			open:  openNFT,
		},
	}
}
