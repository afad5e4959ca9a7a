package mexc

import (
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// model is what an independent reading makes of a push: protobuf's own library
// reads the wire, big numbers the decimals. Where the library is more lenient than
// the dialect says it is, the model refuses.
type model struct {
	class   exchanges.Class
	records []string
}

var malformedModel = model{class: exchanges.ClassMalformed}

// requireModel decodes a push and compares all of it with the model.
func requireModel(t testing.TB, d *Dialect, symbols *exchanges.SymbolTable, b *exchanges.Batch, frame []byte) exchanges.Verdict {
	t.Helper()
	v := d.DecodeBinary(frame, symbols, b)
	got := model{class: v.Class}
	for i := range b.Items {
		got.records = append(got.records, describe(symbols, b, &b.Items[i]))
	}
	require.Equal(t, readModel(frame), got, "frame %x: %s", frame, v.Text)
	if v.Class == exchanges.ClassMalformed {
		require.NotEqual(t, ring.ReasonNone, v.Reason)
		require.NotEmpty(t, v.Text)
	}
	if v.Class != exchanges.ClassData {
		require.Empty(t, b.Levels)
	}
	return v
}

func describe(symbols *exchanges.SymbolTable, b *exchanges.Batch, it *exchanges.Item) string {
	var prices, quantities []string
	for _, p := range it.Prices {
		prices = append(prices, decimalText(p))
	}
	for _, q := range it.Quantities {
		quantities = append(quantities, decimalText(q))
	}
	return line(symbols.Name(it.Instrument), it.Kind, it.Flags, it.Rule, it.EventTimeNS, it.SendTimeNS, it.WindowEndNS,
		it.FirstSequence, it.Sequence, prices, quantities, it.Aggressor, tradeIDText(it), it.Index, it.Count,
		levelTexts(b.Bids(it)), levelTexts(b.Asks(it)))
}

func line(parts ...any) string { return fmt.Sprintf("%q", parts) }

func readModel(frame []byte) model {
	m := dynamicpb.NewMessage(wrapperType())
	if len(frame) == 0 || proto.Unmarshal(frame, m) != nil || hasGroup(m.GetUnknown()) {
		return malformedModel
	}
	bodies, news := countBodies(frame)
	if bodies > 1 {
		return malformedModel
	}
	chosen := m.WhichOneof(m.Descriptor().Oneofs().ByName("body"))
	switch {
	case chosen == nil && news:
		return model{class: exchanges.ClassUnknown}
	case chosen == nil || chosen.Kind() == protoreflect.BytesKind:
		return model{class: exchanges.ClassIgnored}
	}
	r := reader{wrapper: m, number: int(chosen.Number())}
	r.body(m.Get(chosen).Message())
	switch {
	case r.refused:
		return malformedModel
	case len(r.records) == 0:
		return model{class: exchanges.ClassIgnored}
	}
	return model{class: exchanges.ClassData, records: r.records}
}

// countBodies counts the texts where bodies stand; news says that there is another
// field where bodies stand.
func countBodies(frame []byte) (bodies int, news bool) {
	for len(frame) > 0 {
		number, kind, size := protowire.ConsumeField(frame)
		switch {
		case number < 301:
		case number <= 315 && kind == protowire.BytesType:
			bodies++
		default:
			news = true
		}
		frame = frame[size:]
	}
	return bodies, news
}

func hasGroup(unknown []byte) bool {
	for len(unknown) > 0 {
		_, kind, n := protowire.ConsumeField(unknown)
		if kind == protowire.StartGroupType {
			return true
		}
		unknown = unknown[n:]
	}
	return false
}

// reader makes records of a body; refused says that something is wrong with it.
type reader struct {
	wrapper protoreflect.Message
	number  int
	symbol  string
	send    int64
	records []string
	refused bool
}

func get(m protoreflect.Message, name string) protoreflect.Value {
	return m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(name)))
}

func (r *reader) refuseIf(wrong bool) { r.refused = r.refused || wrong }

func (r *reader) body(m protoreflect.Message) {
	r.refuseIf(hasGroup(m.GetUnknown()))
	r.send = ring.Absent
	if fd := r.wrapper.Descriptor().Fields().ByName("sendTime"); r.wrapper.Has(fd) {
		r.send = r.millis(r.wrapper.Get(fd).Int())
	}
	if r.number == 310 {
		r.each(m, "items", func(item protoreflect.Message) {
			r.symbol = get(item, "symbol").String()
			r.refuseIf(!utf8.ValidString(r.symbol))
			if r.symbol != "" && len(r.symbol) <= exchanges.MaxSymbolBytes {
				r.ticker(item)
			}
		})
		return
	}
	r.name(m)
	switch r.number {
	case 303:
		r.depth(m, "", "version", ring.FlagSnapshot, exchanges.RuleSnapshots)
	case 309:
		r.ticker(m)
	case 311:
		version := r.version(get(m, "version").String())
		r.each(m, "items", func(item protoreflect.Message) { r.quote(item, version) })
	case 313:
		r.refuseIf(get(m, "fromVersion").String() == "" || get(m, "toVersion").String() == "")
		r.depth(m, "fromVersion", "toVersion", 0, exchanges.RuleREST)
	case 314:
		count := get(m, "deals").List().Len()
		i := 0
		r.each(m, "deals", func(deal protoreflect.Message) {
			r.deal(deal, i, count)
			i++
		})
	case 315:
		r.quote(m, r.version(get(m, "version").String()))
	}
}

// each visits the messages of a list.
func (r *reader) each(m protoreflect.Message, name string, visit func(protoreflect.Message)) {
	list := get(m, name).List()
	for i := range list.Len() {
		item := list.Get(i).Message()
		r.refuseIf(hasGroup(item.GetUnknown()))
		visit(item)
	}
}

// name finds the pair: the wrapper's, the ticker's own, or the channel's.
func (r *reader) name(m protoreflect.Message) {
	r.symbol = get(r.wrapper, "symbol").String()
	if r.symbol == "" && r.number == 309 {
		r.symbol = get(m, "symbol").String()
	}
	if r.symbol == "" {
		parts := strings.Split(get(r.wrapper, "channel").String(), "@")
		if r.number == 303 || r.number == 309 {
			parts = parts[:len(parts)-1]
		}
		if len(parts) > 1 {
			r.symbol = parts[len(parts)-1]
		}
	}
	r.refuseIf(r.symbol == "" || len(r.symbol) > exchanges.MaxSymbolBytes || !utf8.ValidString(r.symbol))
}

func (r *reader) add(kind ring.Kind, flags ring.Flags, rule exchanges.BookRule, event int64, from, to uint64, prices, quantities []string,
	side ring.Aggressor, id string, index, count int, bids, asks [][2]string,
) {
	r.records = append(r.records, line(r.symbol, kind, flags, rule, event, r.send, int64(ring.Absent), from, to, prices, quantities,
		side, id, uint16(index), uint16(count), bids, asks))
	r.refuseIf(len(r.records) > exchanges.MaxItems)
}

func (r *reader) quote(m protoreflect.Message, version uint64) {
	texts := make([]string, 4)
	for i, name := range []string{"bidPrice", "bidQuantity", "askPrice", "askQuantity"} {
		texts[i] = get(m, name).String()
	}
	r.refuseIf((texts[0] == "") != (texts[1] == "") || (texts[2] == "") != (texts[3] == ""))
	for i := range texts {
		texts[i] = r.decimal(texts[i])
	}
	r.add(ring.KindBookTicker, 0, exchanges.RuleNone, r.send, 0, version,
		[]string{texts[0], texts[2], "", "", "", ""}, []string{texts[1], texts[3]}, 0, "", 0, 1, [][2]string{}, [][2]string{})
}

func (r *reader) deal(m protoreflect.Message, index, count int) {
	price, quantity := get(m, "price").String(), get(m, "quantity").String()
	r.refuseIf(price == "" || quantity == "")
	var side ring.Aggressor
	switch get(m, "tradeType").Int() {
	case 1:
		side = ring.AggressorBuy
	case 2:
		side = ring.AggressorSell
	}
	event := int64(ring.Absent)
	if ms := get(m, "time").Int(); ms != 0 {
		event = r.millis(ms)
	}
	id := get(m, "tradeId").String()
	if !hasRoom(id) {
		id = ""
	}
	r.add(ring.KindTrade, 0, exchanges.RuleNone, event, 0, 0, []string{r.decimal(price), "", "", "", "", ""}, []string{r.decimal(quantity), ""},
		side, id, index, count, [][2]string{}, [][2]string{})
}

// hasRoom says that a record can hold an id: as one number, as a pair, as text.
func hasRoom(id string) bool {
	if _, err := strconv.ParseUint(id, 10, 64); len(id) <= 24 || err == nil && id[0] != '0' {
		return true
	}
	halves := pairID.FindStringSubmatch(id)
	if halves == nil {
		return false
	}
	for i, bits := range []int{64, 8, 64, 8} {
		if _, err := strconv.ParseUint(halves[i+1], 10, bits); err != nil {
			return false
		}
	}
	return true
}

var pairID = regexp.MustCompile(`^(0|[1-9][0-9]*)X(0|[1-9][0-9]*)_(0|[1-9][0-9]*)X(0|[1-9][0-9]*)$`)

func (r *reader) depth(m protoreflect.Message, from, to string, flags ring.Flags, rule exchanges.BookRule) {
	first, last := uint64(0), r.version(get(m, to).String())
	if from != "" {
		first = r.version(get(m, from).String())
		r.refuseIf(first > last)
	}
	sides := [2][][2]string{{}, {}}
	for i, name := range []string{"bids", "asks"} {
		r.each(m, name, func(l protoreflect.Message) {
			price, quantity := get(l, "price").String(), get(l, "quantity").String()
			r.refuseIf(price == "" || quantity == "")
			sides[i] = append(sides[i], [2]string{r.decimal(price), r.decimal(quantity)})
		})
	}
	r.refuseIf(len(sides[0])+len(sides[1]) > exchanges.MaxLevels)
	r.add(ring.KindDepth, flags, rule, r.send, first, last, make([]string, 6), make([]string, 2), 0, "", 0, 1, sides[0], sides[1])
}

func (r *reader) ticker(m protoreflect.Message) {
	flags := ring.Flags(0)
	volumes := make([]string, 2)
	for i, name := range []string{"quantity", "volume"} {
		var rounded bool
		volumes[i], rounded = r.volume(get(m, name).String())
		if rounded {
			flags |= ring.FlagRounded
		}
	}
	prices := []string{r.decimal(get(m, "price").String()), "", "", "", r.decimal(get(m, "high").String()), r.decimal(get(m, "low").String())}
	r.add(ring.KindTicker, flags, exchanges.RuleNone, r.send, 0, 0, prices, volumes, 0, "", 0, 1, [][2]string{}, [][2]string{})
}

func (r *reader) millis(ms int64) int64 {
	ns := new(big.Int).Mul(big.NewInt(ms), big.NewInt(1_000_000))
	r.refuseIf(ms < 0 || !ns.IsInt64())
	return ns.Int64()
}

var wholeNumber = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)

func (r *reader) version(text string) uint64 {
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	r.refuseIf(err != nil || !wholeNumber.MatchString(text))
	return n
}

// decimal is the canonical text of a decimal that must fit an int64.
func (r *reader) decimal(text string) string {
	canonical, significant := r.plain(text)
	r.refuseIf(!significant.IsInt64())
	return canonical
}

var plainDecimal = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?$`)

// plain strips what says nothing and gives the digits as one number.
func (r *reader) plain(text string) (canonical string, significant *big.Int) {
	if text == "" {
		return "", new(big.Int)
	}
	digits := strings.TrimPrefix(text, "-")
	if !plainDecimal.MatchString(text) || len(digits) > 120 {
		r.refused = true
		return "", new(big.Int)
	}
	whole, fraction, _ := strings.Cut(digits, ".")
	fraction = strings.TrimRight(fraction, "0")
	significant, _ = new(big.Int).SetString(strings.TrimRight(whole+fraction, "0"), 10)
	if significant == nil {
		significant = new(big.Int)
	}
	r.refuseIf(text[0] == '-' && significant.Sign() != 0)
	if fraction != "" {
		return whole + "." + fraction, significant
	}
	return whole, significant
}

// volume is a decimal that is rounded, half to even, to 18 digits if need be.
func (r *reader) volume(text string) (canonical string, rounded bool) {
	canonical, significant := r.plain(text)
	if r.refused || significant.IsInt64() {
		return canonical, false
	}
	value, _ := new(big.Rat).SetString(canonical)
	places := len(strings.TrimLeft(strings.Replace(canonical, ".", "", 1), "0")) - 18
	if _, fraction, found := strings.Cut(canonical, "."); found {
		places -= len(fraction)
	}
	unit := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(places, -places))), nil))
	if places < 0 {
		unit.Inv(unit)
	}
	scaled := new(big.Rat).Quo(value, unit)
	n, rest := new(big.Int).QuoRem(scaled.Num(), scaled.Denom(), new(big.Int))
	switch twice := rest.Lsh(rest, 1).Cmp(scaled.Denom()); {
	case twice > 0, twice == 0 && n.Bit(0) == 1:
		n.Add(n, big.NewInt(1))
	}
	text = new(big.Rat).Mul(new(big.Rat).SetInt(n), unit).FloatString(max(0, -places))
	canonical, _ = r.plain(text)
	return canonical, true
}
