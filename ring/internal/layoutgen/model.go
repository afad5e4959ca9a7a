package main

import (
	"fmt"
	"go/ast"
	"go/constant"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"hash/fnv"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
)

// model is the format as read from the Go source, in the order of the source.
type model struct {
	Version int64
	Hash    uint64
	Consts  []constDef
	Structs []structDef
	Enums   []enumDef
}

// constDef is one exported size or limit.
type constDef struct {
	Name  string
	Value constant.Value
	Doc   string
}

// structDef is one block of bytes.
type structDef struct {
	Name   string
	Doc    string
	Size   int64
	Fields []fieldDef
}

// fieldDef is one field. Elem is a wire type (u8 … i64) or the name of a struct;
// Count is 0 for a single value, else the length of the array.
type fieldDef struct {
	Name   string
	Doc    string
	Offset int64
	Size   int64
	Elem   string
	Count  int64
	Enum   string
}

// enumDef is one type of named values.
type enumDef struct {
	enumStyle
	Wire   string
	Doc    string
	Values []enumValue
	Bases  []baseValue
}

// enumValue is one named value; Name is the format's word for it.
type enumValue struct {
	GoName string
	Name   string
	Value  int64
	Doc    string
}

// baseValue is a range whose values print as Text and the distance to From.
type baseValue struct {
	GoName string
	Text   string
	From   int64
	To     int64
}

// enumStyle says how the constants of a type are spelled.
type enumStyle struct {
	Type   string
	Prefix string // of the Go constants, cut from the name
	Set    bool   // values are bits
	Table  string // Go array of names indexed by bit or value, "" none
	Length int    // of Table
	String bool   // the Go type gets a String method
}

// enumStyles lists every type of named values. A type in the source that is not
// here is an error, so that a new one cannot be forgotten.
var enumStyles = []enumStyle{
	{Type: "Kind", Prefix: "Kind", String: true},
	{Type: "Flags", Prefix: "Flag", Set: true, Table: "FlagNames", Length: 16},
	{Type: "StatusCode", Prefix: "Status", String: true},
	{Type: "Scope", Prefix: "Scope", String: true},
	{Type: "Reason", Prefix: "Reason", String: true},
	{Type: "Aggressor", Prefix: "Aggressor", String: true},
	{Type: "IDFormat", Prefix: "ID", String: true},
	{Type: "Channel", Prefix: "Channel", Set: true, Table: "ChannelNames", Length: 32},
	{Type: "State", Prefix: "State", String: true},
	{Type: "Source", Prefix: "Source", String: true},
	{Type: "StateBit", Prefix: "Bit", Set: true, Table: "StateBitNames", Length: 32},
	{Type: "ConnectionState", Prefix: "Connection", String: true},
	{Type: "BookFlag", Prefix: "Book", Set: true, Table: "BookFlagNames", Length: 16},
	{Type: "SectionKind", Prefix: "Section", String: true},
	{Type: "BoardSlot", Prefix: "Board", String: true},
	{Type: "Counter", Prefix: "Counter", Table: "CounterNames", Length: 64, String: true},
	{Type: "Answer", Prefix: "Answer", String: true},
}

// bases names the constants that open a range instead of naming a value.
var bases = map[string]baseValue{
	"ReasonHTTPBase":      {Text: "HTTP", To: 2000},
	"ReasonCloseCodeBase": {Text: "CLOSE", To: 1 << 32},
}

// wireTypes maps the Go types of the format to its own words.
var wireTypes = map[types.BasicKind]string{
	types.Uint8: "u8", types.Int8: "i8", types.Uint16: "u16", types.Int16: "i16",
	types.Uint32: "u32", types.Int32: "i32", types.Uint64: "u64", types.Int64: "i64",
}

var sizes = types.SizesFor("gc", "amd64")

type loader struct {
	fset  *token.FileSet
	pkg   *types.Package
	model *model
}

// load reads layout.go and enums.go in dir.
func load(dir string) (*model, error) {
	l := &loader{fset: token.NewFileSet(), model: &model{}}
	var files []*ast.File
	for _, name := range []string{"layout.go", "enums.go"} {
		path := filepath.Join(dir, name)
		file, err := parser.ParseFile(l.fset, path, nil, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("parse %q: %w", path, err)
		}
		files = append(files, file)
	}
	conf := types.Config{Importer: importer.ForCompiler(l.fset, "source", nil), Sizes: sizes}
	pkg, err := conf.Check("ring", l.fset, files, nil)
	if err != nil {
		return nil, fmt.Errorf("check types in %q: %w", dir, err)
	}
	l.pkg = pkg
	for _, file := range files {
		if err := l.file(file); err != nil {
			return nil, err
		}
	}
	if err := l.model.check(); err != nil {
		return nil, err
	}
	l.model.Hash = l.model.hash()
	return l.model, nil
}

func (l *loader) file(file *ast.File) error {
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok {
			continue
		}
		for _, spec := range gen.Specs {
			var err error
			switch spec := spec.(type) {
			case *ast.TypeSpec:
				err = l.typeSpec(spec, gen.Doc)
			case *ast.ValueSpec:
				err = l.valueSpec(spec)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (l *loader) typeSpec(spec *ast.TypeSpec, doc *ast.CommentGroup) error {
	typ := l.pkg.Scope().Lookup(spec.Name.Name).Type()
	if basic, ok := typ.Underlying().(*types.Basic); ok {
		return l.enumType(spec.Name.Name, basic, doc.Text())
	}
	st, ok := typ.Underlying().(*types.Struct)
	if !ok {
		return fmt.Errorf("type %s is neither a struct nor a named integer", spec.Name.Name)
	}
	def, err := layStruct(spec.Name.Name, st)
	if err != nil {
		return err
	}
	def.Doc = strings.TrimSpace(doc.Text())
	l.model.Structs = append(l.model.Structs, def)
	return nil
}

func (l *loader) enumType(name string, basic *types.Basic, doc string) error {
	for _, style := range enumStyles {
		if style.Type == name {
			l.model.Enums = append(l.model.Enums, enumDef{
				enumStyle: style, Wire: wireTypes[basic.Kind()], Doc: strings.TrimSpace(doc),
			})
			return nil
		}
	}
	return fmt.Errorf("type %s is not in the table of enum styles", name)
}

// layStruct reads fields and offsets; it refuses holes, since the format has none.
func layStruct(name string, st *types.Struct) (structDef, error) {
	def := structDef{Name: name, Size: sizes.Sizeof(st)}
	vars := make([]*types.Var, st.NumFields())
	for i := range vars {
		vars[i] = st.Field(i)
	}
	offsets := sizes.Offsetsof(vars)
	end := int64(0)
	for i, v := range vars {
		if v.Name() == "_" {
			continue
		}
		field, err := layField(v, offsets[i], reflect.StructTag(st.Tag(i)).Get("doc"))
		if err != nil {
			return def, fmt.Errorf("struct %s: %w", name, err)
		}
		if field.Offset != end {
			return def, fmt.Errorf("struct %s: hole before %s at %d", name, field.Name, end)
		}
		end = field.Offset + field.Size
		def.Fields = append(def.Fields, field)
	}
	if end != def.Size {
		return def, fmt.Errorf("struct %s: hole at the end, %d", name, end)
	}
	return def, nil
}

func layField(v *types.Var, offset int64, doc string) (fieldDef, error) {
	field := fieldDef{Name: v.Name(), Doc: doc, Offset: offset, Size: sizes.Sizeof(v.Type())}
	if doc == "" {
		return field, fmt.Errorf("field %s has no doc tag", v.Name())
	}
	typ := v.Type()
	if array, ok := typ.(*types.Array); ok {
		field.Count = array.Len()
		typ = array.Elem()
	}
	named, isNamed := typ.(*types.Named)
	switch under := typ.Underlying().(type) {
	case *types.Basic:
		field.Elem = wireTypes[under.Kind()]
		if isNamed {
			field.Enum = named.Obj().Name()
		}
	case *types.Struct:
		field.Elem = named.Obj().Name()
	}
	if field.Elem == "" {
		return field, fmt.Errorf("field %s has type %s, which has no fixed width", v.Name(), v.Type())
	}
	return field, nil
}

func (l *loader) valueSpec(spec *ast.ValueSpec) error {
	for _, ident := range spec.Names {
		obj, ok := l.pkg.Scope().Lookup(ident.Name).(*types.Const)
		if !ok || !ident.IsExported() {
			continue
		}
		doc := strings.Join(strings.Fields(spec.Doc.Text()+" "+spec.Comment.Text()), " ")
		named, ok := obj.Type().(*types.Named)
		if !ok {
			l.model.Consts = append(l.model.Consts, constDef{ident.Name, obj.Val(), doc})
			continue
		}
		if err := l.enumConst(named.Obj().Name(), ident.Name, obj.Val(), doc); err != nil {
			return err
		}
	}
	return nil
}

// enumConst files a constant under its type. A constant without the type's prefix
// only combines others and is no name of the format.
func (l *loader) enumConst(typ, name string, val constant.Value, doc string) error {
	value, exact := constant.Int64Val(val)
	if !exact {
		return fmt.Errorf("constant %s = %s does not fit an i64", name, val)
	}
	for i := range l.model.Enums {
		enum := &l.model.Enums[i]
		if enum.Type != typ {
			continue
		}
		rest, ok := strings.CutPrefix(name, enum.Prefix)
		if !ok {
			return nil
		}
		if base, ok := bases[name]; ok {
			base.GoName, base.From = name, value
			enum.Bases = append(enum.Bases, base)
			return nil
		}
		enum.Values = append(enum.Values, enumValue{name, upperSnake(rest), value, doc})
		return nil
	}
	return fmt.Errorf("constant %s has type %s, declared nowhere before it", name, typ)
}

// check holds the rules that the other languages rely on.
func (m *model) check() error {
	version := m.constant("LayoutVersion")
	if version == nil {
		return fmt.Errorf("constant LayoutVersion is missing")
	}
	m.Version, _ = constant.Int64Val(version)
	for _, enum := range m.Enums {
		seen := map[int64]string{}
		for _, v := range enum.Values {
			if other, dup := seen[v.Value]; dup {
				return fmt.Errorf("%s and %s have the same value %d", other, v.GoName, v.Value)
			}
			seen[v.Value] = v.GoName
			if enum.Set && v.Value&(v.Value-1) != 0 {
				return fmt.Errorf("%s = %d is not one bit", v.GoName, v.Value)
			}
		}
	}
	for _, body := range m.bodies() {
		if body.Size != m.intConst("BodySize") {
			return fmt.Errorf("body %s has %d bytes", body.Name, body.Size)
		}
	}
	if len(m.bodies()) != len(m.enum("Kind").Values) {
		return fmt.Errorf("a kind has no body struct of its name")
	}
	return nil
}

// hash is FNV-1a 64 over one line for each fact a reader depends on.
func (m *model) hash() uint64 {
	var b strings.Builder
	fmt.Fprintf(&b, "tickring %d\n", m.Version)
	for _, s := range m.Structs {
		fmt.Fprintf(&b, "struct %s %d\n", s.Name, s.Size)
		for _, f := range s.Fields {
			fmt.Fprintf(&b, "field %s %d %s\n", f.Name, f.Offset, f.wireType())
		}
	}
	for _, e := range m.Enums {
		fmt.Fprintf(&b, "enum %s %s\n", e.Type, e.Wire)
		for _, v := range e.Values {
			fmt.Fprintf(&b, "value %s %d\n", v.Name, v.Value)
		}
		for _, v := range e.Bases {
			fmt.Fprintf(&b, "base %s %d\n", v.Text, v.From)
		}
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(b.String())) // a hash never fails
	return h.Sum64()
}

func (f fieldDef) wireType() string {
	if f.Count == 0 {
		return f.Elem
	}
	return f.Elem + "[" + strconv.FormatInt(f.Count, 10) + "]"
}

func (f fieldDef) reserved() bool { return strings.HasPrefix(f.Name, "Reserved") }

func (m *model) constant(name string) constant.Value {
	for _, c := range m.Consts {
		if c.Name == name {
			return c.Value
		}
	}
	return nil
}

func (m *model) intConst(name string) int64 {
	v, _ := constant.Int64Val(m.constant(name))
	return v
}

func (m *model) enum(name string) enumDef {
	for _, e := range m.Enums {
		if e.Type == name {
			return e
		}
	}
	panic("layoutgen: no enum " + name)
}

func (m *model) structNamed(name string) (structDef, bool) {
	for _, s := range m.Structs {
		if s.Name == name {
			return s, true
		}
	}
	return structDef{}, false
}

// bodies lists the structs that a record's body may hold, in the order of Kind.
func (m *model) bodies() []structDef {
	var out []structDef
	kinds := m.enum("Kind")
	for _, v := range kinds.Values {
		if s, ok := m.structNamed(strings.TrimPrefix(v.GoName, kinds.Prefix)); ok {
			out = append(out, s)
		}
	}
	return out
}

// dependencyOrder lists the structs so that each comes after those it contains.
func (m *model) dependencyOrder() []structDef {
	var out []structDef
	done := map[string]bool{}
	var visit func(s structDef)
	visit = func(s structDef) {
		if done[s.Name] {
			return
		}
		done[s.Name] = true
		for _, f := range s.Fields {
			if inner, ok := m.structNamed(f.Elem); ok {
				visit(inner)
			}
		}
		out = append(out, s)
	}
	for _, body := range m.bodies() {
		visit(body)
	}
	for _, s := range m.Structs {
		visit(s)
	}
	return out
}
