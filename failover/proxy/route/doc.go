// Package route reads routes from the tags of services, in the language of fabio, and finds the route of a request.
//
// A tag is urlprefix- followed by what is routed and by options:
//
//	urlprefix-/css                              every host, the path /css and what begins with it
//	urlprefix-www.example.org/                  one host
//	urlprefix-*.example.org/api strip=/api      a glob, which the longest fits best; /api/x reaches the service as /x
//	urlprefix-/old redirect=301,https://new.example.org$path
//	urlprefix-:3306 proto=tcp                   connections to this port, as they are
//	urlprefix-db.example.org/ proto=tcp+sni     TLS connections that name this server, as they are
//
//	urlprefix-10.0.0.5:3306 proto=tcp           the same, to this address, for a proxy in mode tcp-dynamic
//
// The options are strip, prepend, host (a name, or dst for the instance's own), proto (http, https, grpc, grpcs, tcp, tcp+sni), tlsskipverify, weight (the
// part of the requests for all instances with this tag and value, as 0.2), redirect, allow and deny (ip:PREFIX), auth (whose users are let in), and
// pxyproto for TCP.
//
// A route with a host comes before one without, an exact host before a glob, and among those of one host the longest path first. How a
// path is compared is a Match: by its beginning, which is the default, or as a pattern.
package route
