package lab

import "holdfast/failover/lab/witness"

// What a Probe reports. Package witness says how it judges.
type (
	Report  = witness.Report
	Outage  = witness.Outage
	Heard   = witness.Heard
	Serving = witness.Serving
	Overlap = witness.Overlap
	Window  = witness.Window
	Method  = witness.Method
)

// The ways in which a Probe asks who serves an address, whomever the client is answered by.
const (
	ByOwner   = witness.ByOwner
	ByUnicast = witness.ByUnicast
)
