/* Boost's wait-free single-producer single-consumer queue in shared memory; both sides
 * spin. A full queue makes the writer wait. */
#include <boost/lockfree/spsc_queue.hpp>
#include <new>

#include "peer.h"

namespace {

/* As many as the ring has slots. */
constexpr std::size_t slots = 65536;
using queue = boost::lockfree::spsc_queue<message, boost::lockfree::capacity<slots>>;

void *prepare(const job *)
{
	void *memory = mmap(nullptr, sizeof(queue), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (memory == MAP_FAILED)
		die("map");
	return new (memory) queue;
}

void *keep(void *state, const job *) { return state; }

void send(void *state, const message *m)
{
	while (!static_cast<queue *>(state)->push(*m))
		;
}

void receive(void *state, message *m)
{
	while (!static_cast<queue *>(state)->pop(*m))
		;
}

} // namespace

int main(int argc, char **argv)
{
	static const transport t = {prepare, keep, keep, send, receive, nullptr};
	return peer_main(argc, argv, &t);
}
