package language

import (
	"fmt"
	"io"

	"github.com/davecgh/go-spew/spew"
)

// debugFuncs show what values are. Those that print write beside the text.
func debugFuncs(out io.Writer) map[string]any {
	if out == nil {
		out = io.Discard
	}
	show := spew.NewDefaultConfig()
	show.SortKeys = true
	show.DisableMethods = false
	return map[string]any{
		"spew_dump":    func(args ...any) string { fmt.Fprint(out, show.Sdump(args...)); return "" },
		"spew_sdump":   func(args ...any) string { return show.Sdump(args...) },
		"spew_printf":  func(format string, args ...any) string { fmt.Fprint(out, show.Sprintf(format, args...)); return "" },
		"spew_sprintf": func(format string, args ...any) string { return show.Sprintf(format, args...) },
	}
}
