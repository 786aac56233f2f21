// Package exchange is the transport of the HTTP API: it takes a request apart, finds its endpoint and puts the answer together, so that
// an endpoint is a function from a [Request] to a [Reply] or an error and knows no header, status or encoding.
//
// The [Front] routes and parses what every request may carry (consistency, index and wait, token, datacenter). An endpoint reads with
// [Reader.Query] or writes with [Writer.Apply] as if nothing ever blocked. The front then encodes: headers, JSON, compression and the
// mapping of error codes to statuses live in one place each.
//
// Paths are taken as they come: a "//", ".." or %2F in a key, a name or an ID is part of it and never redirected. Unknown parameters are
// ignored. An error is one sentence in text/plain.
package exchange
