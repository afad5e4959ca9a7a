package main

import (
	"bytes"
	_ "embed"
	"encoding/binary"
	"fmt"
	"go/constant"
	"strings"
	"text/template"
)

//go:embed format.md.tmpl
var formatTemplate string

// emitFormat writes docs/format.md: the prose of the template around the tables.
func emitFormat(m *model) ([]byte, error) {
	tmpl, err := template.New("format.md").Funcs(template.FuncMap{
		"bytes":   m.structTable,
		"values":  m.enumTable,
		"limits":  m.limitTable,
		"example": m.exampleRecord,
		"header":  m.exampleHeader,
		"hash":    func() string { return fmt.Sprintf("0x%016x", m.Hash) },
	}).Parse(formatTemplate)
	if err != nil {
		return nil, fmt.Errorf("parse format.md.tmpl: %w", err)
	}
	var b bytes.Buffer
	if err := tmpl.Execute(&b, m.page()); err != nil {
		return nil, fmt.Errorf("fill format.md.tmpl: %w", err)
	}
	return b.Bytes(), nil
}

// page is what the prose mentions of the format.
type page struct {
	Version       int64
	HeaderBytes   int64
	BoardSlots    int
	BodyBase      int64
	Bodies        []string
	ExampleCommit string

	overrunExample

	ReaderSlots, ReadersBytes               int64
	ReaderForgetSeconds, ReaderReportMillis int64
}

// exampleSequence numbers the record of the worked example.
const exampleSequence = 70_001

func (m *model) page() page {
	p := page{
		Version:       m.Version,
		HeaderBytes:   m.intConst("HeaderSize"),
		BoardSlots:    len(m.enum("BoardSlot").Values),
		BodyBase:      m.intConst("BodyOffset"),
		ExampleCommit: fmt.Sprintf("%x", 2*exampleSequence),

		overrunExample: newOverrunExample(),

		ReaderSlots:         m.intConst("ReaderSlots"),
		ReadersBytes:        m.intConst("ReadersHeaderSize") + m.intConst("ReaderSlots")*m.intConst("ReaderSlotSize"),
		ReaderForgetSeconds: m.intConst("ReaderForgetNS") / 1_000_000_000,
		ReaderReportMillis:  m.intConst("ReaderReportNS") / 1_000_000,
	}
	for _, body := range m.bodies() {
		p.Bodies = append(p.Bodies, body.Name)
	}
	return p
}

// overrunExample is the arithmetic of a reader that expects the example's record.
type overrunExample struct {
	ExampleSlots, ExampleMask, ExampleSlot, ExampleMargin int64
	ExampleOld, ExampleOldSequence, ExampleOdd            int64
	ExampleNew, ExampleNewSequence, ExampleHint           int64
	ExampleResume, ExampleLost                            int64
}

func newOverrunExample() overrunExample {
	const slots, laps, ahead = 4096, 3, 17
	e := overrunExample{ExampleSlots: slots, ExampleMask: slots - 1, ExampleSlot: exampleSequence & (slots - 1), ExampleMargin: slots / 8}
	e.ExampleOldSequence = exampleSequence - slots
	e.ExampleNewSequence = exampleSequence + laps*slots
	e.ExampleOld, e.ExampleOdd, e.ExampleNew = 2*e.ExampleOldSequence, 2*exampleSequence-1, 2*e.ExampleNewSequence
	e.ExampleHint = e.ExampleNewSequence + ahead
	e.ExampleResume = e.ExampleHint - slots + e.ExampleMargin
	e.ExampleLost = e.ExampleResume - exampleSequence
	return e
}

// structTable is the byte table of one struct, its offsets counted from base.
func (m *model) structTable(name string, base int64) (string, error) {
	s, ok := m.structNamed(name)
	if !ok {
		return "", fmt.Errorf("no struct %s", name)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n\n| offset | size | type | field | meaning |\n|---:|---:|---|---|---|\n", firstParagraph(s.Doc))
	for _, f := range s.Fields {
		fmt.Fprintf(&b, "| %d | %d | %s | `%s` | %s |\n", base+f.Offset, f.Size, f.wireType(), lowerSnake(f.Name), f.Doc)
	}
	return strings.TrimRight(b.String(), "\n"), nil
}

func (m *model) enumTable(name string) string {
	enum := m.enum(name)
	var b strings.Builder
	fmt.Fprintf(&b, "%s Held as %s.\n\n| value | name | meaning |\n|---:|---|---|\n", firstParagraph(enum.Doc), enum.Wire)
	for _, v := range enum.Values {
		fmt.Fprintf(&b, "| %d | `%s` | %s |\n", v.Value, v.Name, v.Doc)
	}
	for _, v := range enum.Bases {
		fmt.Fprintf(&b, "| %d + x | `%s_x` | |\n", v.From, v.Text)
	}
	return strings.TrimRight(b.String(), "\n")
}

func (m *model) limitTable() string {
	var b strings.Builder
	b.WriteString("| name | value | meaning |\n|---|---:|---|\n")
	for _, c := range m.Consts {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", upperSnake(c.Name), rustLiteral(c.Value), c.Doc)
	}
	return strings.TrimRight(b.String(), "\n")
}

// exampleRecord is the hex picture of one book ticker, filled in by field name.
func (m *model) exampleRecord() (string, error) {
	slot := make([]byte, m.intConst("RecordSize"))
	record := map[string]int64{
		"Commit": 2 * exampleSequence, "Kind": 1, "PriceExponent": -1, "QuantityExponent": -5,
		"Flags": 1<<0 | 1<<1, "Instrument": 3, "RecvTimeNS": 1_790_000_000_123_456_789,
		"VenueSequence": 9_876_543_210, "EventTimeNS": 1_790_000_000_121_000_000,
		"PublishTimeNS": 1_790_000_000_123_460_001,
	}
	body := map[string]int64{
		"BidPrice": 642_501, "BidQuantity": 150_000, "AskPrice": 642_502, "AskQuantity": 2_500,
		"SendTimeNS": 1_790_000_000_121_900_000, "BookEpoch": 1, "Connection": 0,
	}
	if err := m.put(slot, "Record", record); err != nil {
		return "", err
	}
	if err := m.put(slot[m.intConst("BodyOffset"):], "BookTicker", body); err != nil {
		return "", err
	}
	var b strings.Builder
	for at := 0; at < len(slot); at += 16 {
		fmt.Fprintf(&b, "%3d  % x\n", at, slot[at:at+16])
	}
	return strings.TrimRight(b.String(), "\n"), nil
}

// exampleHeader is the hex picture of a header's first fields.
func (m *model) exampleHeader() (string, error) {
	header := make([]byte, m.intConst("HeaderSize"))
	magic, _ := constant.Int64Val(m.constant("Magic"))
	err := m.put(header, "Header", map[string]int64{
		"Magic": magic, "LayoutVersion": m.Version, "ByteOrder": m.intConst("ByteOrderTag"), "FormatHash": int64(m.Hash),
		"TotalSize": 1 << 20, "Generation": 7, "HeaderSize": m.intConst("HeaderSize"), "Source": 1,
	})
	if err != nil {
		return "", err
	}
	var b strings.Builder
	for at := 0; at < 48; at += 16 {
		fmt.Fprintf(&b, "%3d  % x\n", at, header[at:at+16])
	}
	return strings.TrimRight(b.String(), "\n"), nil
}

// put writes values into the fields of a struct at the start of dst.
func (m *model) put(dst []byte, name string, values map[string]int64) error {
	s, ok := m.structNamed(name)
	if !ok {
		return fmt.Errorf("no struct %s", name)
	}
	found := 0
	for _, f := range s.Fields {
		v, ok := values[f.Name]
		if !ok {
			continue
		}
		found++
		var word [8]byte
		binary.LittleEndian.PutUint64(word[:], uint64(v))
		copy(dst[f.Offset:f.Offset+f.Size], word[:])
	}
	if found != len(values) {
		return fmt.Errorf("struct %s lacks a field of the example", name)
	}
	return nil
}
