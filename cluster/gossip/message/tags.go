package message

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/memberlist"

	"holdfast/cluster"
)

// MaxTags is what a member's tags may take, encoded: they travel in every announcement of it.
const MaxTags = memberlist.MetaMaxSize

// tagsForm is the first byte of encoded tags, so that a later form can be told apart.
const tagsForm = 1

// EncodeTags is a member's metadata: the form, the number of tags, and names and values in the order of the names.
func EncodeTags(tags map[string]string) ([]byte, error) {
	b := binary.AppendUvarint([]byte{tagsForm}, uint64(len(tags)))
	for _, name := range slices.Sorted(maps.Keys(tags)) {
		b = appendBytes(appendBytes(b, name), tags[name])
	}
	if len(b) > MaxTags {
		return nil, cluster.Errorf(cluster.TooLarge, "the member's tags take %d bytes, and gossip carries %d: drop or shorten some", len(b), MaxTags)
	}
	return b, nil
}

// DecodeTags reads another member's metadata.
func DecodeTags(meta []byte) (map[string]string, error) {
	if len(meta) > MaxTags {
		return nil, errTooBig
	}
	r := reader{buf: meta}
	if form := r.byte(); r.err == nil && form != tagsForm {
		return nil, fmt.Errorf("form %d of tags is not known here", form)
	}
	tags := map[string]string{}
	for range r.count() {
		name := r.string(MaxTags)
		value := r.string(MaxTags)
		if _, twice := tags[name]; twice && r.err == nil {
			return nil, errors.New("a tag is in it twice")
		}
		if r.err != nil {
			return nil, r.err
		}
		tags[name] = value
	}
	return tags, r.err
}
