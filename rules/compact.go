package rules

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/vm"
	"github.com/expr-lang/expr/vm/runtime"
)

// compact lays the programs of the rules out one behind the other, in the order in which they are asked. Where the
// compiler leaves them, each is in half a dozen places of its own: among thousands of rules a decision would wait for
// memory most of its time.
func compact(rules []*rule) {
	var n, code, constants int
	for _, r := range rules {
		if r.when != nil {
			p := r.when.program
			n, code, constants = n+1, code+len(p.Bytecode), constants+len(p.Constants)
		}
	}
	var (
		conditions = make([]condition, 0, n)
		programs   = make([]vm.Program, 0, n)
		bytecode   = make([]vm.Opcode, 0, code)
		arguments  = make([]int, 0, code)
		values     = make([]any, 0, constants)
		fields     = make(map[string]*runtime.Field)
	)
	for _, r := range rules {
		if r.when == nil {
			continue
		}
		p := *r.when.program
		p.Bytecode = moved(&bytecode, p.Bytecode)
		p.Arguments = moved(&arguments, p.Arguments)
		p.Constants = moved(&values, p.Constants)
		for i, v := range p.Constants {
			if f, ok := v.(*runtime.Field); ok {
				p.Constants[i] = shared(fields, f)
			}
		}
		programs = append(programs, p)
		conditions = append(conditions, condition{&programs[len(programs)-1], r.when.fields})
		r.when = &conditions[len(conditions)-1]
	}
}

// moved copies part to the end of all, which has room for it.
func moved[T any](all *[]T, part []T) []T {
	begin := len(*all)
	*all = append(*all, part...)
	return slices.Clip((*all)[begin:])
}

// shared is the first of the fields that are the same.
func shared(fields map[string]*runtime.Field, f *runtime.Field) *runtime.Field {
	path := strings.Join(f.Path, ".")
	if known := fields[path]; known != nil && slices.Equal(known.Index, f.Index) {
		return known
	}
	fields[path] = f
	return f
}
