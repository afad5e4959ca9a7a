/* All tests of the C reader; the exit status says whether they passed. */
#include "check.h"

int check_failures;

int main(void)
{
	static const struct {
		const char *name;
		void (*run)(void);
	} tests[] = {{"attach", test_attach},   {"next", test_next}, {"torn", test_torn},
	             {"tables", test_tables},   {"life", test_life}, {"text", test_text},
	             {"json", test_json},       {"hostile", test_hostile},
	             {"filter", test_filter},   {"poller", test_poller},
	             {"readers", test_readers}};
	for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) {
		int before = check_failures;
		tests[i].run();
		printf("%-8s %s\n", tests[i].name, check_failures == before ? "ok" : "FAILED");
	}
	return check_failures != 0;
}
