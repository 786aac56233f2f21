package codec

import (
	"testing"

	"holdfast/cluster"
)

// TestVocabularyOfVersions holds what members of each version are taken to know.
func TestVocabularyOfVersions(t *testing.T) {
	encoded := func(c cluster.Command) []byte {
		t.Helper()
		b, err := EncodeCommand(c)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	own := OwnVocabulary()
	for number := range commandTypes.types {
		if own.Has(number) == (number&ignorable != 0) {
			t.Errorf("the vocabulary %q and the command %d do not agree", own, number)
		}
		if cluster.FirstVocabulary.Has(number) != (number <= lastOfFirst) {
			t.Errorf("0.1.0 knows the command %d: %v", number, number <= lastOfFirst)
		}
	}
	for _, c := range []struct {
		cmd         cluster.Command
		first, next bool // understood by 0.1.0, by a version that lacks the newest command
	}{
		{&cluster.KVWrite{}, true, true},
		{&cluster.NewTerm{}, true, true},
		{&cluster.SetCARoot{}, true, true},
		{&cluster.UpdateCoordinates{}, true, true},
		{&cluster.Transaction{}, false, true},
		{&cluster.PutAutopilot{}, false, false},
		{&cluster.Restore{}, false, false},
	} {
		b, next := encoded(c.cmd), cluster.Vocabulary("1-11+13+15-16+30")
		if Understood(cluster.FirstVocabulary, b) != c.first || Understood(next, b) != c.next || !Understood(own, b) {
			t.Errorf("%T: understood by 0.1.0 %v, by %q %v, here %v", c.cmd, Understood(cluster.FirstVocabulary, b), next, Understood(next, b), Understood(own, b))
		}
	}
	if Understood(own, []byte{111, 0, 0, 0, 0, 0, 0, 0, 0, 1}) {
		t.Error("a command of a later version is taken for understood")
	}
}
