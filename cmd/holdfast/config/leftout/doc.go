// Package leftout knows the keys of Consul's config files that Holdfast leaves out, or has not yet, and says what is lost without them.
//
// A file that was written for Consul works as it is: these keys are accepted, with one warning each where they ask for what does not happen. A few
// cannot be passed over, and are refused with what to write instead. Every other key that no field takes is a mistake, and is named.
package leftout
