/*
 * ZeroMQ, PUB to SUB over ipc:// (ADDRESS is the path), without high-water marks so that
 * nothing is dropped. Its input and output threads run on the helper's CPU.
 */
#define _GNU_SOURCE
#include "peer.h"

#include <zmq.h>

struct socket {
	void *context, *socket;
	int flags;
};

static struct socket open_socket(int type, const struct job *j)
{
	struct socket s = {zmq_ctx_new(), NULL, j->blocks ? 0 : ZMQ_DONTWAIT};
	int none = 0;
	if (s.context == NULL || zmq_ctx_set(s.context, ZMQ_THREAD_AFFINITY_CPU_ADD, j->helper_cpu) != 0 ||
	    (s.socket = zmq_socket(s.context, type)) == NULL ||
	    zmq_setsockopt(s.socket, ZMQ_SNDHWM, &none, sizeof none) != 0 ||
	    zmq_setsockopt(s.socket, ZMQ_RCVHWM, &none, sizeof none) != 0)
		die("open a ZeroMQ socket");
	return s;
}

static void *prepare(const struct job *j)
{
	unlink(j->address);
	return NULL;
}

static const char *endpoint(const struct job *j)
{
	static char text[256];
	snprintf(text, sizeof text, "ipc://%s", j->address);
	return text;
}

/* The reader is ready when it has had a message: a subscription takes time to arrive. */
static void *open_reader(void *state, const struct job *j)
{
	static struct socket s;
	(void)state;
	s = open_socket(ZMQ_SUB, j);
	char first;
	if (zmq_setsockopt(s.socket, ZMQ_SUBSCRIBE, "", 0) != 0 || zmq_connect(s.socket, endpoint(j)) != 0 ||
	    zmq_recv(s.socket, &first, 1, 0) != 1)
		die("subscribe");
	return &s;
}

/* An XPUB socket tells of the subscription. */
static void *open_writer(void *state, const struct job *j)
{
	static struct socket s;
	char told[8];
	(void)state;
	s = open_socket(ZMQ_XPUB, j);
	if (zmq_bind(s.socket, endpoint(j)) != 0 ||
	    zmq_recv(s.socket, told, sizeof told, 0) < 1 || zmq_send(s.socket, "", 1, 0) != 1)
		die("publish");
	return &s;
}

static void send_message(void *state, const struct message *m)
{
	if (zmq_send(((struct socket *)state)->socket, m, sizeof *m, 0) != sizeof *m)
		die("send");
}

static void receive(void *state, struct message *m)
{
	struct socket *s = state;
	while (zmq_recv(s->socket, m, sizeof *m, s->flags) != sizeof *m)
		if (errno != EAGAIN && errno != EINTR)
			die("receive");
}

/* The context's end waits until everything is sent. */
static void close_writer(void *state)
{
	struct socket *s = state;
	zmq_close(s->socket);
	zmq_ctx_term(s->context);
}

int main(int argc, char **argv)
{
	static const struct transport t = {prepare, open_reader, open_writer, send_message, receive, close_writer};
	return peer_main(argc, argv, &t);
}
