package codec

import "holdfast/cluster"

// OwnVocabulary is the commands that this version can apply.
func OwnVocabulary() cluster.Vocabulary {
	var numbers []byte
	for number := range commandTypes.types {
		if number&ignorable == 0 {
			numbers = append(numbers, number)
		}
	}
	return cluster.NewVocabulary(numbers)
}

// Basic reports whether members of every version apply an encoded command, or may skip it.
func Basic(encoded []byte) bool {
	return len(encoded) == 0 || encoded[0]&ignorable != 0 || encoded[0] <= lastOfFirst
}

// lastOfFirst is the last command of 0.1.0: see cluster.FirstVocabulary.
const lastOfFirst = 11

// Understood reports whether a member that announces v does with an encoded command what the others do. A restore is for those alone who know
// every command of this version: the snapshot may hold what these have made.
func Understood(v cluster.Vocabulary, encoded []byte) bool {
	switch {
	case Basic(encoded):
		return true
	case encoded[0] == restoreNumber && !v.Covers(OwnVocabulary()):
		return false
	}
	return v.Has(encoded[0])
}

// restoreNumber is that of cluster.Restore.
var restoreNumber, _ = commandTypes.number(new(cluster.Restore))
