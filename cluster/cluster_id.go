package cluster

// CheckClusterID says in one sentence why a text cannot be a cluster ID. Any UUID can be one.
func CheckClusterID(id string) error {
	const maxLen = 64
	for _, r := range id {
		if r <= ' ' || r > '~' {
			return Errorf(Invalid, "cluster ID %q has the character %q in it: an ID is printable ASCII without blanks", id, r)
		}
	}
	switch {
	case id == "":
		return Errorf(Invalid, "the cluster ID is empty")
	case len(id) > maxLen:
		return Errorf(Invalid, "cluster ID %.32q… has %d characters: at most %d are allowed", id, len(id), maxLen)
	case id == NoCluster || id == UnnamedCluster:
		return Errorf(Invalid, "cluster ID %q stands for having none", id)
	}
	return nil
}
