// Package disk reads what a Consul keeps in files: the archives of its `consul snapshot save` ([ReadSnapshot]), and the services and checks that
// programs have registered with an agent, in the agent's data directory ([ReadDataDir]).
//
// An archive is a [holdfast/cluster/archive]. Its state.bin is a header in msgpack, and then records until its end: a byte that says the type, and
// msgpack. Types are numbered as the commands of Consul's log are. What Holdfast has, too, is read; of all else it is counted how much there is, so that
// whoever moves over knows what stays behind. Records of types that are not known are skipped, and counted by their number.
//
// In the data directory services/* and checks/* are files of JSON, one each, and checks/state/* what TTL checks have last been told. What config files
// define is not among them.
//
// Nothing here is believed: a file that is not what it should be is refused with a sentence that names it.
package disk
