// Package htpasswd verifies names and passwords by a file as Apache's htpasswd writes it.
//
// A line is NAME:HASH. Hashes are those of htpasswd's -B (bcrypt), -m (MD5, "$apr1$") and -s (SHA-1, "{SHA}"); lines with another one are an error
// that names the line. The file is read again when its time or size is another, looked at once a second at most; what cannot be read leaves the
// former in force.
//
// bcrypt is slow on purpose: one password at a time is tried, and what was right once is remembered, as a hash, for as long as the file stays as it is.
package htpasswd
