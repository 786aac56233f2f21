package cluster

// KeyOp is what is to be done with a gossip key.
type KeyOp byte

// The operations on keys. Their numbers travel.
const (
	ListKeys   KeyOp = 1
	InstallKey KeyOp = 2 // it decrypts from now on
	UseKey     KeyOp = 3 // it encrypts from now on
	RemoveKey  KeyOp = 4
)

// KeyAnswer is what one member says about an operation: its keys after it, the primary first, or why it was not done.
type KeyAnswer struct {
	Member Member
	Keys   [][]byte
	Err    error
}
