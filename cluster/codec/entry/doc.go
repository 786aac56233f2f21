// Package entry codes what is written most, keys and transactions of keys, as msgpack and back, in a fraction of the time that the library for
// everything takes, which looks at types while it runs.
//
// The bytes are the library's own, to the last one: a map of all fields in the order of their names, numbers in as few bytes as they fit. That is what
// members of every version read and write, and the tests hold both ways against the library. What has another form, of a newer version for example,
// is not refused here but left to the library; so is everything that is written seldom.
package entry
