package feed

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"reflect"
	"runtime"
	"sync"

	"github.com/tickring/tickring/exchanges"
	"github.com/tickring/tickring/ring"
)

// A checkpoint is the hot thread's whole state: from it a replay goes on as the feed
// did. It is taken in one turn of that thread, by reflection over its fields, so that
// a field that is added to an instrument or a connection is in it without a word here.
// It is of one build: the types' fingerprint stands before it, and another build
// refuses it. Memory without pointers (books, remembered trades) is copied as it is.

// notKept are the fields of hot that a checkpoint leaves out: what belongs to a
// process, what a dialect says, and what holds only within a turn.
var notKept = map[string]bool{
	"cfg": true, "dialect": true, "w": true, "clock": true, "tee": true, "poller": true, "waker": true, "grip": true, "warmer": true,
	"cmds": true, "dials": true, "logs": true, "dial": true, "binary": true, "fast": true, "fetchSnapshot": true, "fetchTime": true, "fetchTrades": true,
	"symbols": true, "batch": true, "streams": true, "metadata": true, "record": true, "statusRecord": true,
	"image": true, "bids": true, "asks": true, "bad": true, "requestBatch": true, "scratch": true, "events": true,
	"closing": true, "frameOpen": true,
}

var (
	streamType = reflect.TypeFor[*exchanges.StreamInfo]()
	socketType = reflect.TypeFor[socket]()
)

// errCheckpoint: a checkpoint does not hold what it says.
var errCheckpoint = errors.New("damaged checkpoint")

// ErrOtherBuild: a recording begins in the middle of a feed's life, and was made by a
// build whose state has another shape.
var ErrOtherBuild = errors.New("recording begins in the middle of a feed's life and is of another build of tickring; replay it with that build, or record from the start (record --venue)")

// Sizes of a checkpoint, to take its memory at once: the rest of an instrument, most of
// it remembered trades, and a connection with its requests.
const (
	instrumentState = 8 << 10
	connectionState = 8 << 10
)

// stateSize is about how many bytes a checkpoint takes.
func (h *hot) stateSize() int {
	n := len(h.instruments)*instrumentState + (len(h.conns)+1)*connectionState
	for _, in := range h.instruments {
		if in.book != nil {
			n += (len(in.book.bids.levels) + len(in.book.asks.levels)) * int(reflect.TypeFor[ring.Level]().Size())
		}
		if in.rest != nil {
			n += len(in.rest.levels) * int(reflect.TypeFor[ring.Level]().Size())
		}
	}
	return n
}

// checkpoint is the state as bytes. Hot thread only; nothing else of that thread happens
// meanwhile (BenchmarkCheckpoint).
func (h *hot) checkpoint() []byte {
	e := &stateEncoder{plainTypes: plainTypes{}, h: h, known: map[uintptr]uint64{}, out: make([]byte, 0, h.stateSize())}
	e.number(fingerprint())
	e.value(reflect.ValueOf(h.specs()))
	v := reflect.ValueOf(h).Elem()
	for i := range v.NumField() {
		if !notKept[v.Type().Field(i).Name] {
			e.value(v.Field(i))
		}
	}
	return e.out
}

// specs are the instruments' rows, to be written into another segment.
func (h *hot) specs() []ring.InstrumentSpec {
	out := make([]ring.InstrumentSpec, 0, len(h.instruments))
	var row ring.Instrument
	for _, in := range h.instruments {
		s := ring.InstrumentSpec{
			Native: in.native, Base: in.symbol.Base, Quote: in.symbol.Quote, Channels: in.wanted,
			Tick: ring.Absent, Lot: ring.Absent, Multiplier: ring.Absent,
			PriceExponent: in.price.exponent, QuantityExponent: in.quantity.exponent,
		}
		if h.w.View().Instrument(int(in.id), &row) {
			s.Tick, s.Lot, s.Multiplier = row.Tick, row.Lot, row.Multiplier
			s.TickExponent, s.LotExponent, s.MultiplierExponent = row.TickExponent, row.LotExponent, row.MultiplierExponent
			s.AddedTimeNS = row.AddedTimeNS
		}
		out = append(out, s)
	}
	return out
}

// adopt makes the state of a checkpoint this one's: sockets are made by connect. The
// segment gets what readers of the old one saw, but for the latest records.
func (h *hot) adopt(b []byte, connect func(endpoint, describe string) socket) (err error) {
	d := &stateDecoder{plainTypes: plainTypes{}, h: h, in: b, connect: connect}
	defer func() {
		if caught := recover(); caught != nil {
			err = fmt.Errorf("%w: %v", errCheckpoint, caught) // nothing in it can be relied on
		}
	}()
	if d.number() != fingerprint() {
		return ErrOtherBuild
	}
	var specs []ring.InstrumentSpec
	d.value(reflect.ValueOf(&specs).Elem())
	v := reflect.ValueOf(h).Elem()
	for i := range v.NumField() {
		if !notKept[v.Type().Field(i).Name] {
			d.value(v.Field(i))
		}
	}
	if len(d.in) > 0 || len(specs) != len(h.instruments) {
		return errCheckpoint
	}
	return h.show(specs)
}

// show writes the tables of the segment anew.
func (h *hot) show(specs []ring.InstrumentSpec) error {
	for i := h.w.InstrumentCount(); i < len(specs); i++ {
		id, err := h.w.AddInstrument(specs[i])
		if err == nil {
			err = h.symbols.Add(specs[i].Native, id)
		}
		if err != nil {
			return err
		}
	}
	for _, in := range h.instruments {
		h.showInstrument(in)
	}
	if v := &h.venueClock; v.taken > 0 {
		best := v.best()
		h.w.SetVenueClock(best.offsetNS, best.uncertaintyNS, best.atNS)
	}
	for _, c := range h.conns {
		h.w.SetConnection(c.row, &c.stats)
		if c.ws != nil {
			h.w.SetEndpoint(c.row, c.ws.Endpoint())
		}
	}
	return nil
}

func (h *hot) showInstrument(in *instrument) {
	var active, refused ring.Channel
	for _, s := range in.subs {
		switch {
		case s == nil:
		case s.state == subActive:
			active |= s.stream.Channel
		case s.state == subRefused:
			refused |= s.stream.Channel
		}
	}
	h.storeState(in)
	h.w.SetAnswers(in.id, active, refused)
	h.w.SetStaleChannels(in.id, in.stale)
	h.w.SetChannels(in.id, in.wanted)
	h.w.SetExponents(in.id, in.price.exponent, in.quantity.exponent)
	row := uint16(ring.NoConnection)
	if c := in.carrier(); c != nil {
		row = c.row
	}
	h.w.SetInstrumentConnection(in.id, row)
	if in.book == nil || !in.bookSynced {
		if in.wanted&ring.ChannelOrderBook != 0 {
			h.flagBook(in)
		}
		return
	}
	h.priceExponent, h.quantityExponent = in.price.exponent, in.quantity.exponent
	h.writeBook(in, &exchanges.Item{EventTimeNS: in.depthNS}, h.w.LastSequence(), ring.BookValid)
}

// fingerprint is of the shape of all types in a checkpoint.
var fingerprint = sync.OnceValue(takeFingerprint)

func takeFingerprint() uint64 {
	f := fnv.New64a()
	seen := map[reflect.Type]bool{}
	var walk func(t reflect.Type)
	walk = func(t reflect.Type) {
		fmt.Fprintf(f, "%s %s %d;", t.Kind(), t.String(), t.Size())
		if seen[t] || t == streamType || t == socketType {
			return
		}
		seen[t] = true
		switch t.Kind() {
		case reflect.Pointer, reflect.Slice, reflect.Array:
			walk(t.Elem())
		case reflect.Map:
			walk(t.Key())
			walk(t.Elem())
		case reflect.Struct:
			for i := range t.NumField() {
				if t == reflect.TypeFor[hot]() && notKept[t.Field(i).Name] {
					continue
				}
				fmt.Fprintf(f, "%s %d:", t.Field(i).Name, t.Field(i).Offset)
				walk(t.Field(i).Type)
			}
		}
	}
	walk(reflect.TypeFor[hot]())
	walk(reflect.TypeFor[ring.InstrumentSpec]())
	fmt.Fprint(f, runtime.GOARCH)
	return f.Sum64()
}

// plainTypes remembers what plain said of a type.
type plainTypes map[reflect.Type]bool

func (p plainTypes) plain(t reflect.Type) bool {
	is, known := p[t]
	if !known {
		is = plain(t)
		p[t] = is
	}
	return is
}

// plain says that values of a type hold no pointers, so that their bytes are all
// there is to them.
func plain(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Bool, reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Float32, reflect.Float64:
		return true
	case reflect.Array:
		return plain(t.Elem())
	case reflect.Struct:
		for i := range t.NumField() {
			if !plain(t.Field(i).Type) {
				return false
			}
		}
		return true
	}
	return false
}

// stateEncoder writes values; pointers by the number of what they point to, which is
// written where it is met first.
type stateEncoder struct {
	plainTypes
	h     *hot
	out   []byte
	known map[uintptr]uint64
}

func (e *stateEncoder) number(n uint64) { e.out = binary.AppendUvarint(e.out, n) }

func (e *stateEncoder) text(s string) {
	e.number(uint64(len(s)))
	e.out = append(e.out, s...)
}

func (e *stateEncoder) value(v reflect.Value) {
	switch t := v.Type(); {
	case e.plain(t):
		e.out = appendPlain(e.out, v)
	case t == socketType:
		e.socket(v)
	case t == streamType:
		e.stream(v)
	case t.Kind() == reflect.String:
		e.text(v.String())
	case t.Kind() == reflect.Pointer:
		e.pointer(v)
	case t.Kind() == reflect.Slice:
		e.number(uint64(v.Len()))
		if e.plain(t.Elem()) {
			e.out = appendPlainSlice(e.out, v)
			return
		}
		e.each(v)
	case t.Kind() == reflect.Array:
		e.each(v)
	case t.Kind() == reflect.Map:
		e.number(uint64(v.Len()))
		for it := v.MapRange(); it.Next(); {
			e.value(it.Key())
			e.value(it.Value())
		}
	case t.Kind() == reflect.Struct:
		for i := range v.NumField() {
			e.value(v.Field(i))
		}
	default:
		// Functions, channels and other interfaces are of a process: a replay has none.
	}
}

func (e *stateEncoder) each(v reflect.Value) {
	for i := range v.Len() {
		e.value(v.Index(i))
	}
}

func (e *stateEncoder) pointer(v reflect.Value) {
	if v.IsNil() {
		e.number(0)
		return
	}
	if id, ok := e.known[v.Pointer()]; ok {
		e.number(id)
		return
	}
	id := uint64(len(e.known) + 1)
	e.known[v.Pointer()] = id
	e.number(id)
	e.value(v.Elem())
}

func (e *stateEncoder) stream(v reflect.Value) {
	for i := range e.h.streams {
		if v.Pointer() == reflect.ValueOf(&e.h.streams[i]).Pointer() {
			e.number(uint64(i) + 1)
			return
		}
	}
	e.number(0)
}

func (e *stateEncoder) socket(v reflect.Value) {
	if v.IsNil() {
		e.number(0)
		return
	}
	s := exposed(v).Interface().(socket)
	e.number(1)
	e.text(s.Endpoint())
	e.text(s.Describe())
}

// stateDecoder reads what stateEncoder wrote. It panics over what cannot be.
type stateDecoder struct {
	plainTypes
	h       *hot
	in      []byte
	known   []reflect.Value
	connect func(endpoint, describe string) socket
}

func (d *stateDecoder) number() uint64 {
	n, size := binary.Uvarint(d.in)
	if size <= 0 {
		panic("it ends too soon")
	}
	d.in = d.in[size:]
	return n
}

// length is a count of things that take at least size bytes each.
func (d *stateDecoder) length(size uintptr) int {
	n := d.number()
	if n > uint64(len(d.in))/max(uint64(size), 1) {
		panic("it ends too soon")
	}
	return int(n)
}

func (d *stateDecoder) text() string {
	n := d.length(1)
	s := string(d.in[:n])
	d.in = d.in[n:]
	return s
}

func (d *stateDecoder) value(v reflect.Value) {
	v = exposed(v)
	switch t := v.Type(); {
	case d.plain(t):
		d.in = d.in[takePlain(d.in, v):]
	case t == socketType:
		v.SetZero()
		if d.number() == 1 {
			endpoint := d.text()
			v.Set(reflect.ValueOf(d.connect(endpoint, d.text())))
		}
	case t == streamType:
		v.SetZero()
		if n := d.number(); n > 0 {
			v.Set(reflect.ValueOf(&d.h.streams[n-1]))
		}
	case t.Kind() == reflect.String:
		v.SetString(d.text())
	case t.Kind() == reflect.Pointer:
		d.pointer(v)
	case t.Kind() == reflect.Slice:
		d.slice(v)
	case t.Kind() == reflect.Array:
		for i := range v.Len() {
			d.value(v.Index(i))
		}
	case t.Kind() == reflect.Map:
		v.Set(reflect.MakeMap(t))
		for range d.length(1) {
			key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			d.value(key)
			d.value(value)
			v.SetMapIndex(key, value)
		}
	case t.Kind() == reflect.Struct:
		for i := range v.NumField() {
			d.value(v.Field(i))
		}
	}
}

func (d *stateDecoder) slice(v reflect.Value) {
	t := v.Type()
	if d.plain(t.Elem()) {
		n := d.length(t.Elem().Size())
		v.Set(reflect.MakeSlice(t, n, n))
		d.in = d.in[takePlainSlice(d.in, v):]
		return
	}
	n := d.length(1)
	v.Set(reflect.MakeSlice(t, n, n))
	for i := range n {
		d.value(v.Index(i))
	}
}

func (d *stateDecoder) pointer(v reflect.Value) {
	id := d.number()
	switch {
	case id == 0:
		v.SetZero()
	case id <= uint64(len(d.known)):
		v.Set(d.known[id-1])
	case id == uint64(len(d.known))+1:
		p := reflect.New(v.Type().Elem())
		d.known = append(d.known, p)
		v.Set(p)
		d.value(p.Elem())
	default:
		panic("it names what was not there")
	}
}
