package table

import (
	"slices"
	"strings"
)

// leaf is a row and its key in one index. Nothing but its signal ever changes.
type leaf struct {
	key        string
	row        any
	generation uint64 // of the transaction that made it
	changed    Signal
}

// node is where keys part that have a beginning in common. It has two ways on at least, but for the root, which is always there.
type node struct {
	prefix     string // what the keys have in common beyond the nodes above
	leaf       *leaf  // of the key that ends here, nil if none does
	edges      []edge // to longer keys, sorted by their next byte
	generation uint64 // of the transaction that may write to it
	changed    Signal
}

// edge leads to a node, or to a leaf where there is only one key.
type edge struct {
	next byte
	leaf *leaf
	node *node
}

// tree is one index. A reader's tree never changes.
type tree struct {
	root       *node
	generation uint64 // of the nodes that the writer need not copy; 0: of none
}

// find is the place of the edge for a byte, and whether it is there.
func (n *node) find(next byte) (int, bool) {
	low, high := 0, len(n.edges)
	for low < high {
		if middle := (low + high) / 2; n.edges[middle].next < next {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low, low < len(n.edges) && n.edges[low].next == next
}

// get is the leaf of a key, nil where there is none, and what is replaced before there can be another.
func (n *node) get(key string) (*leaf, *Signal) {
	for depth := 0; depth < len(key); depth += len(n.prefix) {
		i, found := n.find(key[depth])
		if !found {
			return nil, &n.changed
		}
		if l := n.edges[i].leaf; l != nil {
			if l.key == key {
				return l, &l.changed
			}
			return nil, &l.changed
		}
		if n = n.edges[i].node; !strings.HasPrefix(key[depth:], n.prefix) {
			return nil, &n.changed
		}
	}
	if n.leaf != nil {
		return n.leaf, &n.leaf.changed
	}
	return nil, &n.changed
}

// below leads to all keys that begin with prefix, nowhere if there are none, and gives what is replaced before there can be others.
func (n *node) below(prefix string) (edge, *Signal) {
	for depth := 0; depth < len(prefix); depth += len(n.prefix) {
		i, found := n.find(prefix[depth])
		if !found {
			return edge{}, &n.changed
		}
		if l := n.edges[i].leaf; l != nil {
			if strings.HasPrefix(l.key, prefix) {
				return edge{leaf: l}, &l.changed
			}
			return edge{}, &l.changed
		}
		n = n.edges[i].node
		if rest := prefix[depth:]; len(rest) <= len(n.prefix) && strings.HasPrefix(n.prefix, rest) {
			return edge{node: n}, &n.changed
		} else if !strings.HasPrefix(rest, n.prefix) {
			return edge{}, &n.changed
		}
	}
	return edge{node: n}, &n.changed
}

// each visits the rows in the order of their keys, until visit has enough. It reports whether it has not.
func (e edge) each(visit func(row any) bool) bool {
	if e.leaf != nil {
		return visit(e.leaf.row)
	}
	if e.node == nil {
		return true
	}
	if e.node.leaf != nil && !visit(e.node.leaf.row) {
		return false
	}
	for _, e := range e.node.edges {
		if !e.each(visit) {
			return false
		}
	}
	return true
}

// edit is a write to a tree.
type edit struct {
	generation uint64
	replaced   []*Signal // of what readers may have found, and will find no more
}

// writable is the node itself, or a copy where readers may know it.
func (e *edit) writable(n *node) *node {
	if n.generation == e.generation {
		return n
	}
	e.replace(&n.changed)
	return &node{prefix: n.prefix, leaf: n.leaf, edges: slices.Clone(n.edges), generation: e.generation}
}

func (e *edit) replace(s *Signal) { e.replaced = append(e.replaced, s) }

// retire notes that a leaf is replaced, where readers may know it.
func (e *edit) retire(l *leaf) {
	if l.generation != e.generation {
		e.replace(&l.changed)
	}
}

// put lets a leaf be below n, which has depth bytes in common with its key. The other result is the leaf that it replaces, if there is one.
func (e *edit) put(n *node, depth int, l *leaf) (*node, *leaf) {
	n = e.writable(n)
	if len(l.key) == depth {
		was := n.leaf
		n.leaf = l
		return n, was
	}
	i, found := n.find(l.key[depth])
	if !found {
		n.edges = slices.Insert(n.edges, i, edge{next: l.key[depth], leaf: l})
		return n, nil
	}
	way, was := &n.edges[i], (*leaf)(nil)
	switch {
	case way.leaf != nil && way.leaf.key == l.key:
		was, way.leaf = way.leaf, l
	case way.leaf != nil:
		way.leaf, way.node = nil, e.fork(way.leaf, l, depth)
	default:
		child := way.node
		if common := commonPrefix(child.prefix, l.key[depth:]); common < len(child.prefix) {
			child = e.split(child, common)
			way.node = child
		}
		way.node, was = e.put(child, depth+len(child.prefix), l)
	}
	return n, was
}

// fork is a node in the place of a leaf. It has a copy of the leaf if readers may know that: who waits for keys to appear beside it waits for its signal.
func (e *edit) fork(old, l *leaf, depth int) *node {
	if old.generation != e.generation {
		e.replace(&old.changed)
		old = &leaf{key: old.key, row: old.row, generation: e.generation}
	}
	n := &node{prefix: l.key[depth : depth+commonPrefix(old.key[depth:], l.key[depth:])], generation: e.generation}
	depth += len(n.prefix)
	n, _ = e.put(n, depth, old)
	n, _ = e.put(n, depth, l)
	return n
}

// split is a node for the first bytes of n's prefix, that leads to n for the rest.
func (e *edit) split(n *node, at int) *node {
	lower := e.writable(n)
	upper := &node{prefix: n.prefix[:at], generation: e.generation, edges: []edge{{next: n.prefix[at], node: lower}}}
	lower.prefix = lower.prefix[at:]
	return upper
}

// remove takes away the leaf of a key, which is there.
func (e *edit) remove(n *node, depth int, key string) *node {
	n = e.writable(n)
	if len(key) == depth {
		n.leaf = nil
		return n
	}
	i, _ := n.find(key[depth])
	if n.edges[i].leaf != nil {
		n.edges = slices.Delete(n.edges, i, i+1)
		return n
	}
	child := n.edges[i].node
	n.edges[i] = e.join(key[depth], e.remove(child, depth+len(child.prefix), key))
	return n
}

// join is the edge to n, or to the only way that leads on from there.
func (e *edit) join(next byte, n *node) edge {
	switch {
	case len(n.edges) == 0:
		return edge{next: next, leaf: n.leaf}
	case len(n.edges) > 1 || n.leaf != nil:
		return edge{next: next, node: n}
	case n.edges[0].leaf != nil:
		return edge{next: next, leaf: n.edges[0].leaf}
	}
	only := e.writable(n.edges[0].node)
	only.prefix = n.prefix + only.prefix
	return edge{next: next, node: only}
}

// commonPrefix is how many bytes a and b have in common at their beginning.
func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}
