// Package web routes HTTP requests to instances, by host and path.
//
// A Handler has one route.Table at a time, swapped while requests are under way: each is served to its end by what it began with. The instance is told
// who asks by X-Forwarded-For, -Host, -Proto, -Port and X-Real-Ip, and Forwarded; what the client itself says there is believed of nobody but the
// proxies in Options.Trust. Websockets and streams pass. An instance that does not take a connection is passed over for another, as long as
// nothing of the request has been sent.
package web
