/* One reader of the C library as a Python object. */
#include <errno.h>
#include <stddef.h>

#include "native.h"

/* Records that a filter may drop before other threads get a turn. */
#define DROPS_A_TURN 4096

#define ID_BYTES ((TICKRING_MAX_INSTRUMENTS + 1) / 8)

typedef struct native_core {
	PyObject_HEAD
	native_state *state;
	tickring_reader *reader;
	unsigned char *ids; /* bit set of instruments to hand out; NULL: all */
	uint32_t kinds;     /* bit set of kinds to hand out; 0: all */
	uint64_t dropped;   /* by the filter */
	int busy;           /* a call without the interpreter's lock is under way */
	int answer;         /* of the last call */
	unsigned long long lost;
} native_core;

static native_core *core_of(PyObject *self)
{
	return (native_core *)self;
}

/* The reader, if it may be used now; else NULL and an exception. */
static tickring_reader *usable(PyObject *self)
{
	native_core *core = core_of(self);
	if (core->reader == NULL)
		PyErr_SetString(PyExc_ValueError, "the reader is closed");
	else if (core->busy)
		PyErr_SetString(PyExc_RuntimeError,
		                "another thread is in this reader: make one for each thread");
	else
		return core->reader;
	return NULL;
}

static void raise_attach(native_state *state, int err, const char *path)
{
	if (err == TICKRING_E_SYSTEM) {
		PyErr_SetFromErrnoWithFilename(PyExc_OSError, path);
		return;
	}
	PyObject *args = Py_BuildValue("(iss)", err, tickring_strerror(err), path);
	if (args == NULL)
		return;
	PyErr_SetObject(state->attach_error, args);
	Py_DECREF(args);
}

/* Attach to name in the directory at path, or without a name to the file at path. */
static int attach(const char *path, const char *name, const tickring_options *options,
                  tickring_reader **reader)
{
	int err;
	Py_BEGIN_ALLOW_THREADS
	err = name != NULL ? tickring_attach(path, name, options, reader)
	                   : tickring_attach_path(path, options, reader);
	Py_END_ALLOW_THREADS
	return err;
}

/* Core(path, name, ignore_boot, populate) */
static PyObject *core_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	PyObject *path;
	const char *name;
	int ignore_boot;
	int populate;
	tickring_reader *reader = NULL;
	(void)kwargs;
	if (!PyArg_ParseTuple(args, "O&zpp", PyUnicode_FSConverter, &path, &name, &ignore_boot,
	                      &populate))
		return NULL;
	native_state *state = PyType_GetModuleState(type);
	native_core *core = (native_core *)PyType_GenericAlloc(type, 0);
	if (core != NULL) {
		tickring_options options = {.size = sizeof options,
		                            .ignore_boot_id = (uint32_t)ignore_boot,
		                            .no_populate = (uint32_t)!populate};
		int err = attach(PyBytes_AsString(path), name, &options, &reader);
		core->state = state;
		core->reader = reader;
		core->answer = TICKRING_EMPTY;
		if (err != 0) {
			raise_attach(state, err, PyBytes_AsString(path));
			Py_CLEAR(core);
		}
	}
	Py_DECREF(path);
	return (PyObject *)core;
}

static void core_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
	tickring_detach(core_of(self)->reader);
	PyMem_Free(core_of(self)->ids);
	release(self);
	Py_DECREF(type);
}

static PyObject *core_close(PyObject *self, PyObject *none)
{
	(void)none;
	if (core_of(self)->reader != NULL) {
		if (usable(self) == NULL)
			return NULL;
		tickring_detach(core_of(self)->reader);
		core_of(self)->reader = NULL;
	}
	Py_RETURN_NONE;
}

/* filter(kinds, ids): bit sets of what to hand out; 0 and None are all. */
static PyObject *core_filter(PyObject *self, PyObject *args)
{
	native_core *core = core_of(self);
	unsigned int kinds;
	const char *ids;
	Py_ssize_t size;
	if (usable(self) == NULL || !PyArg_ParseTuple(args, "Iz#", &kinds, &ids, &size))
		return NULL;
	unsigned char *copy = NULL;
	if (ids != NULL) {
		if (size != ID_BYTES) {
			PyErr_Format(PyExc_ValueError, "a set of instruments has %d bytes", ID_BYTES);
			return NULL;
		}
		copy = PyMem_Malloc(ID_BYTES);
		if (copy == NULL)
			return PyErr_NoMemory();
		memcpy(copy, ids, ID_BYTES);
	}
	PyMem_Free(core->ids);
	core->ids = copy;
	core->kinds = kinds;
	Py_RETURN_NONE;
}

/* A record of no instrument passes by its kind alone. */
static int passes(const native_core *core, const tickring_record *rec)
{
	if (core->kinds != 0 && (core->kinds & UINT32_C(1) << rec->kind) == 0)
		return 0;
	return core->ids == NULL || rec->instrument == TICKRING_NO_INSTRUMENT ||
	       (core->ids[rec->instrument / 8] & 1u << rec->instrument % 8) != 0;
}

/* The next record that passes, after at most limit that do not; -1: limit reached. */
static int step(native_core *core, tickring_record *rec, int head, uint64_t limit)
{
	for (uint64_t n = 0; n < limit; n++) {
		uint64_t lost = 0;
		int answer = head ? tickring_next_head(core->reader, rec, &lost)
		                  : tickring_next(core->reader, rec, &lost);
		if (answer == TICKRING_OVERRUN)
			core->lost = lost;
		if (answer != TICKRING_RECORD || passes(core, rec))
			return answer;
		core->dropped++;
	}
	return -1;
}

/* As step, without an end, giving other threads and signals their turn. -1: exception. */
static int fetch(native_core *core, tickring_record *rec, int head)
{
	for (;;) {
		int answer = step(core, rec, head, DROPS_A_TURN);
		if (answer >= 0)
			return core->answer = answer;
		core->busy = 1;
		Py_BEGIN_ALLOW_THREADS
		Py_END_ALLOW_THREADS
		core->busy = 0;
		if (PyErr_CheckSignals() != 0)
			return -1;
	}
}

/* The record, or NULL; NULL without an exception: there is none, see answer. */
static PyObject *fetch_record(PyObject *self, int head)
{
	native_core *core = core_of(self);
	tickring_record rec;
	if (usable(self) == NULL)
		return NULL;
	if (head)
		memset(&rec, 0, sizeof rec);
	int answer = fetch(core, &rec, head);
	return answer == TICKRING_RECORD ? native_wrap(core->state, &rec) : NULL;
}

static PyObject *or_none(PyObject *record)
{
	if (record == NULL && !PyErr_Occurred())
		Py_RETURN_NONE;
	return record;
}

static PyObject *core_next(PyObject *self, PyObject *none)
{
	(void)none;
	return or_none(fetch_record(self, 0));
}

static PyObject *core_next_head(PyObject *self, PyObject *none)
{
	(void)none;
	return or_none(fetch_record(self, 1));
}

/* Iteration ends where there is no record; it may be taken up again. */
static PyObject *core_iternext(PyObject *self)
{
	return fetch_record(self, 0);
}

static PyObject *core_iter(PyObject *self)
{
	return Py_NewRef(self);
}

/* A look at the file's size, before a call that touches many pages or sleeps. */
static void check_size(tickring_reader *reader)
{
	if (tickring_segment_shrunk(&reader->seg))
		reader->damaged = 1;
}

/* Records straight into an array; the number, with answer what followed them. */
static Py_ssize_t fill(native_core *core, tickring_record *to, Py_ssize_t limit)
{
	Py_ssize_t n = 0;
	int answer = TICKRING_RECORD;
	while (n < limit && (answer = step(core, &to[n], 0, UINT64_MAX)) == TICKRING_RECORD)
		n++;
	core->answer = answer;
	return n;
}

/* read_into(buffer, limit): fill a buffer with records. */
static PyObject *core_read_into(PyObject *self, PyObject *args)
{
	native_core *core = core_of(self);
	Py_buffer view;
	Py_ssize_t limit;
	if (usable(self) == NULL || !PyArg_ParseTuple(args, "w*n", &view, &limit))
		return NULL;
	Py_ssize_t n = -1;
	if (limit < 0 || view.len / TICKRING_RECORD_SIZE < limit)
		PyErr_SetString(PyExc_ValueError, "the buffer is too small for that many records");
	else if ((uintptr_t)view.buf % 8 != 0)
		PyErr_SetString(PyExc_ValueError, "the buffer does not start at a multiple of 8");
	else {
		core->busy = 1;
		check_size(core->reader);
		Py_BEGIN_ALLOW_THREADS
		n = fill(core, view.buf, limit);
		Py_END_ALLOW_THREADS
		core->busy = 0;
	}
	PyBuffer_Release(&view);
	return n < 0 ? NULL : PyLong_FromSsize_t(n);
}

static int wait_a_turn(native_core *core, int64_t ns)
{
	int answer;
	core->busy = 1;
	Py_BEGIN_ALLOW_THREADS
	answer = tickring_wait(core->reader, ns);
	Py_END_ALLOW_THREADS
	core->busy = 0;
	return answer;
}

/* wait(ns): until next has something to say; negative: no limit. The answer. */
static PyObject *core_wait(PyObject *self, PyObject *args)
{
	native_core *core = core_of(self);
	tickring_reader *reader = usable(self);
	long long left;
	if (reader == NULL || !PyArg_ParseTuple(args, "L", &left))
		return NULL;
	int stale = reader->pulse.stale;
	check_size(reader);
	for (;;) {
		int64_t ns = left < 0 || left > TICKRING_NAP_NS ? TICKRING_NAP_NS : left;
		core->answer = wait_a_turn(core, ns);
		if (PyErr_CheckSignals() != 0)
			return NULL;
		left = left < 0 ? left : left - ns;
		if (left == 0 || (core->answer != TICKRING_EMPTY &&
		                  !(core->answer == TICKRING_STALE && stale)))
			return PyLong_FromLong(core->answer);
	}
}

static PyObject *core_from_oldest(PyObject *self, PyObject *none)
{
	(void)none;
	if (usable(self) == NULL)
		return NULL;
	tickring_from_oldest(core_of(self)->reader);
	Py_RETURN_NONE;
}

static PyObject *core_from_latest(PyObject *self, PyObject *none)
{
	(void)none;
	if (usable(self) == NULL)
		return NULL;
	tickring_from_latest(core_of(self)->reader);
	Py_RETURN_NONE;
}

static PyObject *core_join(PyObject *self, PyObject *none)
{
	(void)none;
	if (usable(self) == NULL)
		return NULL;
	return PyLong_FromUnsignedLongLong(tickring_join(core_of(self)->reader));
}

static PyObject *core_position(PyObject *self, PyObject *none)
{
	(void)none;
	if (usable(self) == NULL)
		return NULL;
	return PyLong_FromUnsignedLongLong(tickring_next_sequence(core_of(self)->reader));
}

static PyObject *core_reattach(PyObject *self, PyObject *none)
{
	(void)none;
	native_core *core = core_of(self);
	if (usable(self) == NULL)
		return NULL;
	int err = tickring_reattach(core->reader);
	if (err == TICKRING_E_SYSTEM)
		return PyErr_SetFromErrnoWithFilename(PyExc_OSError, core->reader->path);
	return PyLong_FromLong(err);
}

static PyObject *core_stats(PyObject *self, PyObject *none)
{
	(void)none;
	if (usable(self) == NULL)
		return NULL;
	tickring_stats s = tickring_get_stats(core_of(self)->reader);
	return Py_BuildValue("(KKKKKK)", s.got - core_of(self)->dropped, s.lost, s.overruns,
	                     s.torn_rejected, s.skipped_depth, s.reattached);
}

/* (feed, venue, generation, source, slots, book_depth, connections) */
static PyObject *core_facts(PyObject *self, PyObject *none)
{
	(void)none;
	const tickring_reader *r = usable(self);
	if (r == NULL)
		return NULL;
	return Py_BuildValue("(yyKIKIK)", tickring_feed(r), tickring_venue(r), tickring_generation(r),
	                     tickring_source(r), tickring_slots(r), tickring_book_depth(r),
	                     r->seg.connections);
}

/* (state, watermark, last_sequence, instrument_count) as they are now. */
static PyObject *core_now(PyObject *self, PyObject *none)
{
	(void)none;
	const tickring_reader *r = usable(self);
	if (r == NULL)
		return NULL;
	return Py_BuildValue("(IKKI)", tickring_segment_state(r), tickring_watermark(r),
	                     tickring_last_sequence(r), tickring_instrument_count(r));
}

/* (descriptor, size, offset of the board, offset of the books, bytes of one book) */
static PyObject *core_mapping(PyObject *self, PyObject *none)
{
	(void)none;
	const tickring_reader *r = usable(self);
	if (r == NULL)
		return NULL;
	return Py_BuildValue("(inKKKK)", r->seg.fd, (Py_ssize_t)r->seg.size, r->seg.instruments,
	                     r->seg.off_board, r->seg.off_books, r->seg.book_entry);
}

static PyObject *core_counter(PyObject *self, PyObject *index)
{
	const tickring_reader *r = usable(self);
	if (r == NULL)
		return NULL;
	unsigned long i = PyLong_AsUnsignedLong(index);
	if (PyErr_Occurred())
		return NULL;
	return PyLong_FromUnsignedLongLong(i > UINT32_MAX ? 0 : tickring_counter(r, (uint32_t)i));
}

/* The row number in index; -1 with an exception, or beyond every table. */
static int row_of(PyObject *index, uint32_t *row)
{
	unsigned long i = PyLong_AsUnsignedLong(index);
	if (PyErr_Occurred())
		return -1;
	*row = i > UINT32_MAX ? UINT32_MAX : (uint32_t)i;
	return 0;
}

static PyObject *bytes_or_none(int err, const void *row, Py_ssize_t size)
{
	if (err != 0)
		Py_RETURN_NONE;
	return PyBytes_FromStringAndSize(row, size);
}

static PyObject *core_instrument(PyObject *self, PyObject *index)
{
	const tickring_reader *r = usable(self);
	tickring_instrument out;
	uint32_t row;
	if (r == NULL || row_of(index, &row) != 0)
		return NULL;
	return bytes_or_none(tickring_get_instrument(r, row, &out), &out, sizeof out);
}

static PyObject *core_instrument_state(PyObject *self, PyObject *index)
{
	const tickring_reader *r = usable(self);
	tickring_instrument_state out;
	uint32_t row;
	if (r == NULL || row_of(index, &row) != 0)
		return NULL;
	return bytes_or_none(tickring_get_instrument_state(r, row, &out), &out, sizeof out);
}

static PyObject *core_connection(PyObject *self, PyObject *index)
{
	const tickring_reader *r = usable(self);
	tickring_connection out;
	uint32_t row;
	if (r == NULL || row_of(index, &row) != 0)
		return NULL;
	return bytes_or_none(tickring_get_connection(r, row, &out), &out, sizeof out);
}

/* board(instrument, slot): (answer, record or None) */
static PyObject *core_board(PyObject *self, PyObject *args)
{
	native_core *core = core_of(self);
	const tickring_reader *r = usable(self);
	tickring_record rec;
	unsigned int id;
	unsigned int slot;
	if (r == NULL || !PyArg_ParseTuple(args, "II", &id, &slot))
		return NULL;
	int answer = tickring_board(r, id, slot, &rec);
	if (answer != TICKRING_RECORD)
		return Py_BuildValue("(iO)", answer, Py_None);
	PyObject *record = native_wrap(core->state, &rec);
	return record == NULL ? NULL : Py_BuildValue("(iN)", answer, record);
}

/* board_into(buffer): whole copies of all entries, zeros where there is none. */
static PyObject *core_board_into(PyObject *self, PyObject *args)
{
	const tickring_reader *r = usable(self);
	Py_buffer view;
	if (r == NULL || !PyArg_ParseTuple(args, "w*", &view))
		return NULL;
	unsigned char *to = view.buf;
	uint64_t rows = (uint64_t)view.len / TICKRING_BOARD_ENTRY_SIZE;
	for (uint64_t i = 0; i < rows; i++) {
		for (uint32_t slot = 0; slot <= TICKRING_BOARD_STATUS; slot++) {
			tickring_record rec;
			if (tickring_board(r, (uint32_t)i, slot, &rec) != TICKRING_RECORD)
				memset(&rec, 0, sizeof rec);
			memcpy(to, &rec, sizeof rec);
			to += sizeof rec;
		}
	}
	PyBuffer_Release(&view);
	Py_RETURN_NONE;
}

/* book(instrument): (answer, header, bids, asks), bytes that are empty without a book */
static PyObject *core_book(PyObject *self, PyObject *index)
{
	const tickring_reader *r = usable(self);
	tickring_book_header header;
	uint32_t row;
	if (r == NULL || row_of(index, &row) != 0)
		return NULL;
	uint32_t depth = tickring_book_depth(r);
	tickring_level *levels = PyMem_Calloc(depth, 2 * sizeof *levels);
	if (levels == NULL)
		return PyErr_NoMemory();
	int answer = tickring_book(r, row, &header, levels, levels + depth, depth);
	PyObject *out;
	if (answer == TICKRING_RECORD)
		out = Py_BuildValue("(iy#y#y#)", answer, &header, (Py_ssize_t)sizeof header, levels,
		                    (Py_ssize_t)(header.bid_count * sizeof *levels), levels + depth,
		                    (Py_ssize_t)(header.ask_count * sizeof *levels));
	else
		out = Py_BuildValue("(iyyy)", answer, "", "", "");
	PyMem_Free(levels);
	return out;
}

/* fresh_within(instrument, ns) */
static PyObject *core_fresh_within(PyObject *self, PyObject *args)
{
	tickring_reader *r = usable(self);
	unsigned int id;
	long long ns;
	if (r == NULL || !PyArg_ParseTuple(args, "IL", &id, &ns))
		return NULL;
	return PyBool_FromLong(tickring_fresh_within(r, id, ns));
}

static PyObject *get_answer(PyObject *self, void *closure)
{
	(void)closure;
	return PyLong_FromLong(core_of(self)->answer);
}

static PyObject *get_lost(PyObject *self, void *closure)
{
	(void)closure;
	return PyLong_FromUnsignedLongLong(core_of(self)->lost);
}

static PyGetSetDef core_getset[] = {
	{"answer", get_answer, NULL, "answer of the last call", NULL},
	{"lost", get_lost, NULL, "records that the last OVERRUN cost", NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

/* What each does: _pure.Core, which has the same methods. */
static PyMethodDef core_methods[] = {
	{"close", core_close, METH_NOARGS, NULL},
	{"filter", core_filter, METH_VARARGS, NULL},
	{"next", core_next, METH_NOARGS, NULL},
	{"next_head", core_next_head, METH_NOARGS, NULL},
	{"read_into", core_read_into, METH_VARARGS, NULL},
	{"wait", core_wait, METH_VARARGS, NULL},
	{"from_oldest", core_from_oldest, METH_NOARGS, NULL},
	{"from_latest", core_from_latest, METH_NOARGS, NULL},
	{"join", core_join, METH_NOARGS, NULL},
	{"position", core_position, METH_NOARGS, NULL},
	{"reattach", core_reattach, METH_NOARGS, NULL},
	{"stats", core_stats, METH_NOARGS, NULL},
	{"facts", core_facts, METH_NOARGS, NULL},
	{"now", core_now, METH_NOARGS, NULL},
	{"mapping", core_mapping, METH_NOARGS, NULL},
	{"counter", core_counter, METH_O, NULL},
	{"instrument", core_instrument, METH_O, NULL},
	{"instrument_state", core_instrument_state, METH_O, NULL},
	{"connection", core_connection, METH_O, NULL},
	{"board", core_board, METH_VARARGS, NULL},
	{"board_into", core_board_into, METH_VARARGS, NULL},
	{"book", core_book, METH_O, NULL},
	{"fresh_within", core_fresh_within, METH_VARARGS, NULL},
	{NULL, NULL, 0, NULL},
};

static PyType_Slot core_slots[] = {
	{Py_tp_new, core_new},       {Py_tp_dealloc, core_dealloc},
	{Py_tp_iter, core_iter},     {Py_tp_iternext, core_iternext},
	{Py_tp_getset, core_getset}, {Py_tp_methods, core_methods},
	{Py_tp_doc, "A private cursor over one feed, through the C library."},
	{0, NULL},
};

PyType_Spec native_core_spec = {
	.name = "tickring._native.Core",
	.basicsize = sizeof(native_core),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = core_slots,
};
