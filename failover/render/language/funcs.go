package language

import (
	"fmt"
	"html/template"
	"maps"
	"reflect"
	texttemplate "text/template"

	"github.com/Masterminds/sprig/v3"
)

// emptyFuncs has the names and types of all functions, for parsing.
var emptyFuncs = (&execution{limits: &limits{}, opts: &Options{}, result: &Result{}, memory: &Memory{}}).funcs()

// funcs is the functions of one execution.
func (x *execution) funcs() texttemplate.FuncMap {
	all := texttemplate.FuncMap{}
	for name, f := range sprig.HermeticTxtFuncMap() {
		all["sprig_"+name] = f
	}
	for _, some := range []map[string]any{x.dataFuncs(), x.hostFuncs(), textFuncs, codingFuncs, listFuncs, numberFuncs, debugFuncs(x.opts.Debug), refusedFuncs()} {
		maps.Copy(all, some)
	}
	for _, name := range x.opts.Denied {
		all[name] = refused(name, "function_denylist names it")
	}
	for name, f := range all {
		all[name] = x.bounded(f, growth[name])
	}
	all[turnFunction] = x.limits.turn
	all[enterFunction] = func() (string, error) { return "", x.limits.enter() }
	all[leaveFunction] = func() string { x.limits.leave(); return "" }
	return all
}

// dataFuncs are the functions that ask the source, and those of the template itself.
func (x *execution) dataFuncs() map[string]any {
	return map[string]any{
		"key": x.key, "keyExists": x.keyExists, "keyOrDefault": x.keyOrDefault,
		"ls": x.ls, "safeLs": x.safeLs, "tree": x.tree, "safeTree": x.safeTree,
		"datacenters": x.datacenters, "node": x.node, "nodes": x.nodes, "services": x.services, "service": x.service, "caRoots": x.caRoots,
		"executeTemplate": x.executeTemplate, "scratch": func() *Scratch { return x.scratch },

		// Go's own, which are bounded like the others.
		"print": fmt.Sprint, "printf": fmt.Sprintf, "println": fmt.Sprintln,
		"html": template.HTMLEscaper, "js": template.JSEscaper, "urlquery": template.URLQueryEscaper,
	}
}

// bounded is a function that counts what it makes. growth foresees the bytes of a result that may be far larger than the arguments; it
// may be nil.
func (x *execution) bounded(f any, growth func(args []reflect.Value) float64) any {
	v := reflect.ValueOf(f)
	call := v.Call
	if v.Type().IsVariadic() {
		call = v.CallSlice
	}
	return reflect.MakeFunc(v.Type(), func(args []reflect.Value) []reflect.Value {
		err := x.limits.alive()
		if err == nil && growth != nil {
			err = foresee(growth(args))
		}
		if err != nil {
			panic(err) // the template package makes an error of it
		}
		out := call(args)
		if len(out) == 1 || out[1].IsNil() {
			if err := x.limits.take(out[0]); err != nil {
				panic(err)
			}
		}
		return out
	}).Interface()
}

// refusedFuncs are functions of what is not here. Each says so.
func refusedFuncs() map[string]any {
	out := map[string]any{}
	for why, names := range map[string][]string{
		"there is no service mesh: use service":                                                                       {"connect", "caLeaf"},
		"secrets of Vault are not read: put them where only the program that needs them can read them":                {"secret", "secrets", "pkiCert"},
		"there are no partitions and no peers":                                                                        {"partitions", "peerings", "exportedServices"},
		"Nomad is not asked: its services that register in the catalog are found by service":                          {"nomadService", "nomadServices", "nomadVar", "nomadVarList", "nomadVarListSafe", "nomadVarExists"},
		"a template runs no programs: write what the plugin prints into a key, or into a file that is read with file": {"plugin"},
	} {
		for _, name := range names {
			out[name] = refused(name, why)
		}
	}
	return out
}

func refused(name, why string) func(...any) (string, error) {
	return func(...any) (string, error) { return "", fmt.Errorf("the function %s is refused: %s", name, why) }
}
