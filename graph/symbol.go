package graph

import (
	"strings"
)

// The grammar of symbol keys is SCIP's, without scheme and version:
//
//	<key>        ::= <manager> ' ' <package> ' ' (<descriptor>)+
//	<descriptor> ::= <name> '/'          namespace
//	               | <name> '#'          type
//	               | <name> '.'          term
//	               | <name> '(' <d> ').' method, with an optional disambiguator
//	               | <name> ':'          meta
//	<name>       ::= simple | '`' any text, backticks doubled '`'
//
// Spaces in manager and package are doubled; '.' stands for an empty one.

// Managers with a meaning of their own; others are package managers as SCIP names them.
const (
	ManagerRepo       = "repo"       // files and directories; package = repository id
	ManagerUnresolved = "unresolved" // references that nothing resolves, by spelled name
	ManagerCypher     = "cypher"     // vertices made by Cypher
	ManagerGo         = "gomod"
	ManagerNPM        = "npm"
	ManagerPython     = "pip"
)

// DescriptorKind tells what a part of a symbol key names.
type DescriptorKind uint8

// The kinds of descriptors.
const (
	NamespaceDesc DescriptorKind = iota
	TypeDesc
	TermDesc
	MethodDesc
	MetaDesc
)

// Descriptor is one part of a symbol key.
type Descriptor struct {
	Kind          DescriptorKind
	Name          string
	Disambiguator string // methods only
}

// Symbol is a parsed symbol key.
type Symbol struct {
	Manager     string
	Package     string
	Descriptors []Descriptor
}

// String returns the key's text.
func (s Symbol) String() string {
	var b strings.Builder
	b.WriteString(escapeSpace(s.Manager))
	b.WriteByte(' ')
	b.WriteString(escapeSpace(s.Package))
	b.WriteByte(' ')
	for _, d := range s.Descriptors {
		d.appendTo(&b)
	}
	return b.String()
}

func (d Descriptor) appendTo(b *strings.Builder) {
	writeName(b, d.Name)
	switch d.Kind {
	case NamespaceDesc:
		b.WriteByte('/')
	case TypeDesc:
		b.WriteByte('#')
	case TermDesc:
		b.WriteByte('.')
	case MetaDesc:
		b.WriteByte(':')
	case MethodDesc:
		b.WriteByte('(')
		b.WriteString(d.Disambiguator)
		b.WriteString(").")
	}
}

// Child returns the symbol of a descriptor below s.
func (s Symbol) Child(kind DescriptorKind, name string) Symbol {
	ds := make([]Descriptor, len(s.Descriptors), len(s.Descriptors)+1)
	copy(ds, s.Descriptors)
	s.Descriptors = append(ds, Descriptor{Kind: kind, Name: name})
	return s
}

// Name returns the name of the last descriptor.
func (s Symbol) Name() string {
	if len(s.Descriptors) == 0 {
		return ""
	}
	return s.Descriptors[len(s.Descriptors)-1].Name
}

// QualifiedName returns the names of the descriptors for people: namespaces joined by '/', then
// types and members joined by '.', e.g. "k8s.io/api/core/v1.Pod.GetName".
func (s Symbol) QualifiedName() string {
	var b strings.Builder
	prev := NamespaceDesc
	for i, d := range s.Descriptors {
		if i > 0 {
			if d.Kind == NamespaceDesc && prev == NamespaceDesc {
				b.WriteByte('/')
			} else {
				b.WriteByte('.')
			}
		}
		b.WriteString(d.Name)
		prev = d.Kind
	}
	return b.String()
}

// UnresolvedKey returns the key that stands for all unresolved references spelled name.
func UnresolvedKey(name string) string {
	return Symbol{ManagerUnresolved, "", []Descriptor{{Kind: TermDesc, Name: name}}}.String()
}

// ParseSymbol parses a symbol key.
func ParseSymbol(key string) (Symbol, error) {
	var s Symbol
	rest := key
	var err error
	if s.Manager, rest, err = takeWord(rest); err != nil {
		return s, badKey(key, "manager")
	}
	if s.Package, rest, err = takeWord(rest); err != nil {
		return s, badKey(key, "package")
	}
	for rest != "" {
		var d Descriptor
		if d, rest, err = takeDescriptor(rest); err != nil {
			return s, badKey(key, err.Error())
		}
		s.Descriptors = append(s.Descriptors, d)
	}
	if len(s.Descriptors) == 0 {
		return s, badKey(key, "descriptors")
	}
	return s, nil
}

func badKey(key, what string) error {
	const most = 200
	if len(key) > most {
		key = key[:most] + "..."
	}
	return Errorf("graph.ParseSymbol", KindInvalid, "symbol key %q: bad or missing %s", key, what)
}

func takeWord(s string) (word, rest string, err error) {
	for i := 0; i < len(s); i++ {
		if s[i] != ' ' {
			continue
		}
		if i+1 < len(s) && s[i+1] == ' ' {
			i++
			continue
		}
		word = strings.ReplaceAll(s[:i], "  ", " ")
		if word == "." {
			word = ""
		}
		return word, s[i+1:], nil
	}
	return "", s, Errorf("", KindInvalid, "word")
}

func takeDescriptor(s string) (Descriptor, string, error) {
	name, rest, ok := takeName(s)
	if !ok || rest == "" {
		return Descriptor{}, s, Errorf("", KindInvalid, "descriptor at %q", s)
	}
	d := Descriptor{Name: name}
	switch rest[0] {
	case '/':
		d.Kind = NamespaceDesc
	case '#':
		d.Kind = TypeDesc
	case '.':
		d.Kind = TermDesc
	case ':':
		d.Kind = MetaDesc
	case '(':
		end := strings.Index(rest, ").")
		if end < 0 {
			return d, s, Errorf("", KindInvalid, "method descriptor at %q", s)
		}
		d.Kind, d.Disambiguator = MethodDesc, rest[1:end]
		return d, rest[end+2:], nil
	default:
		return d, s, Errorf("", KindInvalid, "descriptor suffix at %q", rest)
	}
	return d, rest[1:], nil
}

func takeName(s string) (name, rest string, ok bool) {
	if s != "" && s[0] == '`' {
		for i := 1; i < len(s); i++ {
			if s[i] != '`' {
				continue
			}
			if i+1 < len(s) && s[i+1] == '`' {
				i++
				continue
			}
			return strings.ReplaceAll(s[1:i], "``", "`"), s[i+1:], i > 1
		}
		return "", s, false
	}
	i := 0
	for i < len(s) && isSimple(s[i]) {
		i++
	}
	return s[:i], s[i:], i > 0
}

func writeName(b *strings.Builder, name string) {
	for i := 0; i < len(name); i++ {
		if !isSimple(name[i]) {
			b.WriteByte('`')
			b.WriteString(strings.ReplaceAll(name, "`", "``"))
			b.WriteByte('`')
			return
		}
	}
	b.WriteString(name)
}

func isSimple(c byte) bool {
	return c == '_' || c == '+' || c == '-' || c == '$' ||
		'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'
}

func escapeSpace(s string) string {
	if s == "" {
		return "."
	}
	return strings.ReplaceAll(s, " ", "  ")
}
