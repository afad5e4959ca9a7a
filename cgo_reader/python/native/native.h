/* What the sources of the extension share. Limited API: one build serves every CPython from 3.11. */
#ifndef TICKRING_NATIVE_H
#define TICKRING_NATIVE_H

#define PY_SSIZE_T_CLEAN
#define Py_LIMITED_API 0x030B0000
#include <Python.h>

#include "tickring_internal.h"

/* Kinds run from 1 to PERPETUAL; place 0 is for a record of no known kind. */
#define NATIVE_CLASSES (TICKRING_KIND_PERPETUAL + 1)

/* What one import of the module owns. */
typedef struct native_state {
	PyObject *record_type;
	PyObject *core_type;
	PyObject *field_type;
	PyObject *float_type;
	PyObject *attach_error;
	PyObject *classes[NATIVE_CLASSES];
} native_state;

/* A private copy of a record; subclasses in Python give the bytes names. */
typedef struct native_record {
	PyObject_HEAD
	tickring_record record;
} native_record;

extern struct PyModuleDef native_module;
extern PyType_Spec native_record_spec;
extern PyType_Spec native_field_spec;
extern PyType_Spec native_float_spec;
extern PyType_Spec native_core_spec;

/* A Python object of the kind's class around a copy of rec. */
PyObject *native_wrap(native_state *state, const tickring_record *rec);

#endif
