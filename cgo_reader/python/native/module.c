/* The module: its types, and the waits that need a system call of their own. */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "native.h"

/* Classes of records by kind, place 0 for unknown ones; told once by the package. */
static PyObject *set_classes(PyObject *module, PyObject *classes)
{
	native_state *state = PyModule_GetState(module);
	if (!PyTuple_Check(classes) || PyTuple_Size(classes) != NATIVE_CLASSES) {
		PyErr_SetString(PyExc_TypeError, "give a class for each kind");
		return NULL;
	}
	for (Py_ssize_t i = 0; i < NATIVE_CLASSES; i++) {
		PyObject *class = PyTuple_GetItem(classes, i);
		if (!PyType_Check(class) ||
		    !PyType_IsSubtype((PyTypeObject *)class, (PyTypeObject *)state->record_type)) {
			PyErr_SetString(PyExc_TypeError, "give subclasses of RecordBase");
			return NULL;
		}
	}
	for (Py_ssize_t i = 0; i < NATIVE_CLASSES; i++) {
		PyObject *old = state->classes[i];
		state->classes[i] = Py_NewRef(PyTuple_GetItem(classes, i));
		Py_XDECREF(old);
	}
	Py_RETURN_NONE;
}

/*
 * Sleep until the word at an offset of a buffer differs from seen, at most ns. It keeps
 * nothing of its own, so that a thread may wait while another one reads.
 */
static PyObject *bell_wait(PyObject *module, PyObject *args)
{
	Py_buffer view;
	Py_ssize_t offset;
	unsigned int seen;
	long long ns;
	(void)module;
	if (!PyArg_ParseTuple(args, "y*nIL", &view, &offset, &seen, &ns))
		return NULL;
	if (offset < 0 || offset > view.len - 4 || offset % 4 != 0 || ns < 0) {
		PyBuffer_Release(&view);
		PyErr_SetString(PyExc_ValueError, "no such word in the buffer");
		return NULL;
	}
	struct timespec ts = {.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000};
	Py_BEGIN_ALLOW_THREADS
	syscall(SYS_futex, (const char *)view.buf + offset, FUTEX_WAIT, seen, &ts, NULL, 0);
	Py_END_ALLOW_THREADS
	PyBuffer_Release(&view);
	Py_RETURN_NONE;
}

static PyObject *error_text(PyObject *module, PyObject *code)
{
	(void)module;
	long value = PyLong_AsLong(code);
	if (value == -1 && PyErr_Occurred())
		return NULL;
	return PyUnicode_FromString(tickring_strerror((int)value));
}

static PyMethodDef methods[] = {
	{"set_classes", set_classes, METH_O, "Tell the class of each kind's records."},
	{"bell_wait", bell_wait, METH_VARARGS, "bell_wait(buffer, offset, seen, ns): futex wait."},
	{"error_text", error_text, METH_O, "error_text(code): what is wrong and what to do."},
	{NULL, NULL, 0, NULL},
};

static PyObject *add_type(PyObject *module, PyType_Spec *spec, const char *name)
{
	PyObject *type = PyType_FromModuleAndSpec(module, spec, NULL);
	if (type != NULL && PyModule_AddObjectRef(module, name, type) != 0)
		Py_CLEAR(type);
	return type;
}

static int init(PyObject *module)
{
	native_state *state = PyModule_GetState(module);
	PyObject *errors = PyImport_ImportModule("tickring.errors");
	if (errors == NULL)
		return -1;
	state->attach_error = PyObject_GetAttrString(errors, "AttachError");
	Py_DECREF(errors);
	if (state->attach_error == NULL)
		return -1;
	state->record_type = add_type(module, &native_record_spec, "RecordBase");
	state->field_type = add_type(module, &native_field_spec, "Field");
	state->float_type = add_type(module, &native_float_spec, "FloatField");
	state->core_type = add_type(module, &native_core_spec, "Core");
	if (state->record_type == NULL || state->field_type == NULL || state->float_type == NULL ||
	    state->core_type == NULL)
		return -1;
	for (int i = 0; i < NATIVE_CLASSES; i++)
		state->classes[i] = Py_NewRef(state->record_type);
	return PyModule_AddIntConstant(module, "API_VERSION", TICKRING_API_VERSION);
}

static int traverse(PyObject *module, visitproc visit, void *arg)
{
	native_state *state = PyModule_GetState(module);
	Py_VISIT(state->record_type);
	Py_VISIT(state->field_type);
	Py_VISIT(state->float_type);
	Py_VISIT(state->core_type);
	Py_VISIT(state->attach_error);
	for (int i = 0; i < NATIVE_CLASSES; i++)
		Py_VISIT(state->classes[i]);
	return 0;
}

static int clear(PyObject *module)
{
	native_state *state = PyModule_GetState(module);
	Py_CLEAR(state->record_type);
	Py_CLEAR(state->field_type);
	Py_CLEAR(state->float_type);
	Py_CLEAR(state->core_type);
	Py_CLEAR(state->attach_error);
	for (int i = 0; i < NATIVE_CLASSES; i++)
		Py_CLEAR(state->classes[i]);
	return 0;
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, init}, {0, NULL}};

struct PyModuleDef native_module = {
	PyModuleDef_HEAD_INIT,
	.m_name = "tickring._native",
	.m_doc = "The C reader for Python.",
	.m_size = sizeof(native_state),
	.m_methods = methods,
	.m_slots = slots,
	.m_traverse = traverse,
	.m_clear = clear,
};

PyMODINIT_FUNC PyInit__native(void);

PyMODINIT_FUNC PyInit__native(void)
{
	return PyModuleDef_Init(&native_module);
}
