// Package certificate keeps the TLS certificates of a listener in files, chosen by server name, and reads them again when they change.
//
// A Store is made of places: directories, or patterns of them such as /etc/letsencrypt/live/*. Each file that ends in .pem or .crt and holds a
// certificate is taken with its chain and its key. The key stands in the same file, or beside it:
//
//	www.pem              www.key, or in www.pem itself
//	www.crt, www-cert.pem    www.key, www-key.pem
//	fullchain.pem        privkey.pem
//
// Whether something has changed is looked at when a client comes, once a second at most, by the files' times and sizes; so a link that points
// elsewhere counts. What cannot be read as it stands, because it is half written or a key does not belong to its certificate, leaves that in force which was
// there before, and the log says what is wrong.
package certificate
