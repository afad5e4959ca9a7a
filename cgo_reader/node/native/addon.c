/* What the addon exports. lib/ is its only user: docs of the calls are there. */
#include "native.h"

static napi_value error_text(napi_env env, napi_callback_info info)
{
	napi_value argv[1], out = NULL;
	int32_t code = 0;
	if (!take_arguments(env, info, 1, argv))
		return NULL;
	napi_get_value_int32(env, argv[0], &code);
	napi_create_string_utf8(env, tickring_strerror(code), NAPI_AUTO_LENGTH, &out);
	return out;
}

/* Nothing is kept outside of objects, so that worker threads may load it too. */
NAPI_MODULE_INIT()
{
	if (!export_function(env, exports, "errorText", error_text) || !add_reader(env, exports) ||
	    !add_tables(env, exports) || !add_poller(env, exports))
		return fail(env, "tickring: the addon cannot be set up");
	return exports;
}
