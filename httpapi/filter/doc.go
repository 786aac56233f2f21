// Package filter is the language of the API's filter parameter: [Compile] makes a function of an expression, which selects rows of one type.
// The grammar is hashicorp/go-bexpr's; what a selector reaches and which operators it takes is decided here, from the type of the rows, as
// Consul does it, so that a mistake in an expression is told whatever is listed.
//
//	Node == "n1" and Meta.rack != r1          fields, and values of maps; a key may be written Meta["rack"]
//	"v1" in Tags, Tags contains v1            members of a list, keys of a map, parts of a text
//	Node matches "^n[0-9]+$"                  regular expressions
//	Tags is empty, not (Port == 80 or …)      and their opposites: !=, not in, not contains, not matches, is not empty
//	Checks.Status == critical                 a list of objects: whether it holds for any of them
//	all Checks as c { c.Status == passing }   or for all
//
// A key that a map does not have equals nothing and contains nothing: "Meta.none != x" holds.
//
// The reference is https://developer.hashicorp.com/consul/api-docs/features/filtering.
package filter
