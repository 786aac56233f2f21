package membership

// Change is what has become of a member.
type Change uint8

// The changes.
const (
	Join   Change = 1 // it is alive, and was not, or not known
	Update Change = 2 // it has other tags, says that it is about to leave, or has thought better of it
	Leave  Change = 3 // it has left in good order, or had failed and was written off
	Fail   Change = 4 // it stopped answering
	Reap   Change = 5 // it had failed or left, and is forgotten
)

var changeNames = [...]string{"none", "join", "update", "leave", "fail", "reap"}

// String is the change's name in logs.
func (c Change) String() string {
	if int(c) < len(changeNames) {
		return changeNames[c]
	}
	return changeNames[0]
}
