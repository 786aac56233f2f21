// Package plain serves the requests that nearly all of an agent's load consists of: plain ones. A request is plain if it is a GET of HTTP/1.1 without a
// body, on a connection without TLS, whose head comes in one piece, is short, and has nothing in it but what every client sends. One that waits for
// news costs two thirds of what it costs in net/http, and any costs less: there is no second goroutine that reads along in order to notice that the
// client hangs up (the kernel tells one goroutine for all connections), one buffer for the head while one is waited for, and one write for an answer.
//
// Nothing else is decided here. At the first request that is not plain, whatever it is, net/http gets the connection with every byte that has been
// read of that request, and keeps it. So what a strange request is answered is net/http's matter alone, and the language understood here has no odd
// corner in which two programs could understand different things.
//
// Handlers see what they would see in net/http: the request, an http.ResponseWriter that http.ResponseController can flush and give a write deadline,
// and a context that ends when the client closes its side, or the server.
//
// The reference is RFC 9112.
package plain
