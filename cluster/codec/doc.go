// Package codec is the form in which commands, their results and the records of a snapshot leave a process: for the log, for a disk, for
// another member, for an operator's archive. Whatever has left is read by members of later versions, and of earlier ones, so the form is a contract.
//
// A log entry is a type byte, the leader's time (nanoseconds since 1970, 8 bytes, big endian), and the command in msgpack with the names of its
// fields, map keys sorted: equal commands have equal encodings. A snapshot is a header, records of the same form, and a checksum (snapshot.go). A
// forwarded command's result is a byte for its kind, and the value (result.go).
//
// The numbers of the types never change, and none is used twice. A type that a member does not know comes from a newer one: it is skipped if its high
// bit is set, and refused otherwise. Fields that a member does not know are skipped. What a member knows it announces to the others as its
// vocabulary (vocabulary.go), so that nothing is said that one of them would not understand. Every type has a golden file under testdata.
//
// What is decoded shares no memory with the bytes that it came from. What is written most is coded by package entry, in a fraction of the time.
package codec
