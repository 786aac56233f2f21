package language

import (
	"text/template/parse"
)

// The functions that guard puts into templates. Nobody writes them.
const (
	turnFunction  = "_turn"
	enterFunction = "_enter"
	leaveFunction = "_leave"
)

// guard makes a template count: each turn of its loops, and how deep templates lie in templates. Go's template package bounds neither.
func guard(t *parse.Tree) {
	guardList(t.Root)
	t.Root.Nodes = append(append([]parse.Node{call(enterFunction)}, t.Root.Nodes...), call(leaveFunction))
}

func guardList(list *parse.ListNode) {
	if list == nil {
		return
	}
	for _, n := range list.Nodes {
		switch n := n.(type) {
		case *parse.RangeNode:
			guardList(n.List)
			guardList(n.ElseList)
			n.List.Nodes = append([]parse.Node{call(turnFunction)}, n.List.Nodes...)
		case *parse.IfNode:
			guardList(n.List)
			guardList(n.ElseList)
		case *parse.WithNode:
			guardList(n.List)
			guardList(n.ElseList)
		default:
		}
	}
}

// call is a node that calls a function and prints nothing.
func call(function string) parse.Node {
	trees, err := parse.Parse("guard", "{{"+function+"}}", "", "", map[string]any{function: func() string { return "" }})
	if err != nil {
		panic("language: the guard is no template: " + err.Error())
	}
	return trees["guard"].Root.Nodes[0]
}
