/* Records as Python objects, and the descriptors that read their fields. */
#include <stddef.h>

#include "native.h"

PyObject *native_wrap(native_state *state, const tickring_record *rec)
{
	uint8_t kind = rec->kind < NATIVE_CLASSES ? rec->kind : 0;
	PyObject *self = PyType_GenericAlloc((PyTypeObject *)state->classes[kind], 0);
	if (self != NULL)
		((native_record *)self)->record = *rec;
	return self;
}

static PyObject *record_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	Py_buffer view;
	if (kwargs != NULL && PyDict_Size(kwargs) != 0) {
		PyErr_SetString(PyExc_TypeError, "a record takes its 128 bytes and no keywords");
		return NULL;
	}
	if (!PyArg_ParseTuple(args, "y*", &view))
		return NULL;
	PyObject *self = NULL;
	if (view.len != TICKRING_RECORD_SIZE)
		PyErr_Format(PyExc_ValueError, "a record has 128 bytes, not %zd", view.len);
	else if ((self = PyType_GenericAlloc(type, 0)) != NULL)
		memcpy(&((native_record *)self)->record, view.buf, TICKRING_RECORD_SIZE);
	PyBuffer_Release(&view);
	return self;
}

static void record_dealloc(PyObject *self)
{
	PyTypeObject *type = Py_TYPE(self);
	freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
	release(self);
	Py_DECREF(type);
}

static PyObject *record_raw(PyObject *self, void *closure)
{
	(void)closure;
	return PyBytes_FromStringAndSize((const char *)&((native_record *)self)->record,
	                                 TICKRING_RECORD_SIZE);
}

static PyGetSetDef record_getset[] = {
	{"raw", record_raw, NULL, "the record's 128 bytes", NULL},
	{NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot record_slots[] = {
	{Py_tp_new, record_new},
	{Py_tp_dealloc, record_dealloc},
	{Py_tp_getset, record_getset},
	{Py_tp_doc, "A private copy of one record."},
	{0, NULL},
};

PyType_Spec native_record_spec = {
	.name = "tickring._native.RecordBase",
	.basicsize = sizeof(native_record),
	.flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
	.slots = record_slots,
};

/* Field and FloatField: where in a record, and as what. */
typedef struct native_field {
	PyObject_HEAD
	native_state *state;
	int offset;
	int exponent; /* FloatField: offset of the exponent */
	char code;    /* Field: as in module struct */
} native_field;

static size_t width_of(char code)
{
	switch (code) {
	case 'b':
	case 'B':
		return 1;
	case 'H':
		return 2;
	case 'I':
		return 4;
	case 'q':
	case 'Q':
		return 8;
	default:
		return 0;
	}
}

static PyObject *make_field(PyTypeObject *type, int offset, int exponent, char code)
{
	size_t width = width_of(code);
	if (width == 0 || offset < 0 || (size_t)offset > TICKRING_RECORD_SIZE - width || exponent < 0 ||
	    exponent >= TICKRING_RECORD_SIZE) {
		PyErr_SetString(PyExc_ValueError, "no such field in a record");
		return NULL;
	}
	native_state *state = PyType_GetModuleState(type);
	native_field *self = (native_field *)PyType_GenericAlloc(type, 0);
	if (self == NULL)
		return NULL;
	self->state = state;
	self->offset = offset;
	self->exponent = exponent;
	self->code = code;
	return (PyObject *)self;
}

static PyObject *field_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	int offset;
	int code;
	(void)kwargs;
	if (!PyArg_ParseTuple(args, "iC", &offset, &code))
		return NULL;
	return make_field(type, offset, 0, (char)code);
}

static PyObject *float_new(PyTypeObject *type, PyObject *args, PyObject *kwargs)
{
	int offset;
	int exponent;
	(void)kwargs;
	if (!PyArg_ParseTuple(args, "ii", &offset, &exponent))
		return NULL;
	return make_field(type, offset, exponent, 'q');
}

/* The record's bytes; NULL with self to return when asked of the class. */
static const unsigned char *bytes_of(const native_field *field, PyObject *obj)
{
	if (!PyObject_TypeCheck(obj, (PyTypeObject *)field->state->record_type)) {
		PyErr_SetString(PyExc_TypeError, "the field of a record, read from another object");
		return NULL;
	}
	return (const unsigned char *)&((native_record *)obj)->record;
}

static PyObject *field_get(PyObject *self, PyObject *obj, PyObject *owner)
{
	const native_field *field = (const native_field *)self;
	(void)owner;
	if (obj == NULL || obj == Py_None)
		return Py_NewRef(self);
	const unsigned char *at = bytes_of(field, obj);
	if (at == NULL)
		return NULL;
	uint64_t word = 0;
	memcpy(&word, at + field->offset, width_of(field->code));
	switch (field->code) {
	case 'q':
		return PyLong_FromLongLong((int64_t)word);
	case 'b':
		return PyLong_FromLong((int8_t)word);
	default:
		return PyLong_FromUnsignedLongLong(word);
	}
}

static PyObject *float_get(PyObject *self, PyObject *obj, PyObject *owner)
{
	const native_field *field = (const native_field *)self;
	int64_t mantissa;
	(void)owner;
	if (obj == NULL || obj == Py_None)
		return Py_NewRef(self);
	const unsigned char *at = bytes_of(field, obj);
	if (at == NULL)
		return NULL;
	memcpy(&mantissa, at + field->offset, sizeof mantissa);
	return PyFloat_FromDouble(tickring_double(mantissa, (int8_t)at[field->exponent]));
}

static PyType_Slot field_slots[] = {
	{Py_tp_new, field_new},
	{Py_tp_dealloc, record_dealloc},
	{Py_tp_descr_get, field_get},
	{Py_tp_doc, "Descriptor: an integer of a record, by offset and struct code."},
	{0, NULL},
};

PyType_Spec native_field_spec = {
	.name = "tickring._native.Field",
	.basicsize = sizeof(native_field),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = field_slots,
};

static PyType_Slot float_slots[] = {
	{Py_tp_new, float_new},
	{Py_tp_dealloc, record_dealloc},
	{Py_tp_descr_get, float_get},
	{Py_tp_doc, "Descriptor: the float nearest to a mantissa and its exponent; NaN when absent."},
	{0, NULL},
};

PyType_Spec native_float_spec = {
	.name = "tickring._native.FloatField",
	.basicsize = sizeof(native_field),
	.flags = Py_TPFLAGS_DEFAULT,
	.slots = float_slots,
};
