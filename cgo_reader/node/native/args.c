/* Arguments and results of the addon's functions. */
#include "native.h"

#include <stdlib.h>

/* Answers are below this, so that a count and an answer fit one number. */
#define BATCH_RADIX 8

napi_value fail(napi_env env, const char *text)
{
	napi_throw_error(env, NULL, text);
	return NULL;
}

int take_arguments(napi_env env, napi_callback_info info, size_t count, napi_value *out)
{
	size_t given = count;
	if (napi_get_cb_info(env, info, &given, out, NULL, NULL) == napi_ok && given >= count)
		return 1;
	napi_throw_type_error(env, NULL, "tickring: too few arguments");
	return 0;
}

int take_u32(napi_env env, napi_value value, uint32_t *out)
{
	double number;
	if (napi_get_value_double(env, value, &number) == napi_ok && number >= 0) {
		*out = number < UINT32_MAX ? (uint32_t)number : UINT32_MAX;
		return 1;
	}
	napi_throw_range_error(env, NULL, "tickring: give a number that is not below 0");
	return 0;
}

int take_i64(napi_env env, napi_value value, int64_t *out)
{
	bool exact = false;
	if (napi_get_value_bigint_int64(env, value, out, &exact) == napi_ok && exact)
		return 1;
	napi_throw_range_error(env, NULL, "tickring: give a bigint of 64 bits");
	return 0;
}

int take_bytes(napi_env env, napi_value value, size_t least, unsigned char **out, size_t *size)
{
	napi_typedarray_type type;
	size_t length = 0;
	void *data = NULL;
	if (napi_get_typedarray_info(env, value, &type, &length, &data, NULL, NULL) != napi_ok ||
	    type != napi_uint8_array || length < least || (uintptr_t)data % sizeof(uint64_t) != 0) {
		napi_throw_range_error(env, NULL, "tickring: give a Uint8Array that is aligned to 8 "
		                                  "bytes and large enough");
		return 0;
	}
	*out = data;
	*size = length;
	return 1;
}

int take_text(napi_env env, napi_value value, char **out)
{
	napi_valuetype type = napi_undefined;
	size_t length = 0;
	*out = NULL;
	napi_typeof(env, value, &type);
	if (type == napi_null || type == napi_undefined)
		return 1;
	if (napi_get_value_string_utf8(env, value, NULL, 0, &length) == napi_ok &&
	    (*out = malloc(length + 1)) != NULL &&
	    napi_get_value_string_utf8(env, value, *out, length + 1, &length) == napi_ok)
		return 1;
	free(*out);
	*out = NULL;
	napi_throw_type_error(env, NULL, "tickring: give a string");
	return 0;
}

napi_value give_i32(napi_env env, int32_t value)
{
	napi_value out = NULL;
	napi_create_int32(env, value, &out);
	return out;
}

napi_value give_bool(napi_env env, int value)
{
	napi_value out = NULL;
	napi_get_boolean(env, value != 0, &out);
	return out;
}

napi_value give_u64(napi_env env, uint64_t value)
{
	napi_value out = NULL;
	napi_create_bigint_uint64(env, value, &out);
	return out;
}

napi_value give_i64(napi_env env, int64_t value)
{
	napi_value out = NULL;
	napi_create_bigint_int64(env, value, &out);
	return out;
}

napi_value give_batch(napi_env env, size_t count, int answer)
{
	napi_value out = NULL;
	napi_create_int64(env, (int64_t)count * BATCH_RADIX + answer, &out);
	return out;
}

int export_function(napi_env env, napi_value exports, const char *name, napi_callback call)
{
	napi_value function;
	return napi_create_function(env, name, NAPI_AUTO_LENGTH, call, NULL, &function) == napi_ok &&
	       napi_set_named_property(env, exports, name, function) == napi_ok;
}
